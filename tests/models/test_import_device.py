"""Networks may be asked for inside ``torch.device``, first of all."""

import sys

import torch

from avsal_bench.models import registry


def test_a_file_of_networks_is_imported_on_the_cpu(tmp_path, monkeypatch):
    (tmp_path / "made_while_imported.py").write_text("import torch\nTABLE = torch.ones(2)\n")
    monkeypatch.syspath_prepend(tmp_path)
    with torch.device("meta"):
        registry._import("made_while_imported")
        assert torch.ones(1).is_meta
    assert sys.modules.pop("made_while_imported").TABLE.tolist() == [1, 1]

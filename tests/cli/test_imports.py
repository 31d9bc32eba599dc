"""What a command imports: lists need no torch, scores no Lightning, and a network not the libraries of the others."""

import json
import os
import subprocess
import sys
import time
from dataclasses import fields

import pytest

from avsal_bench.models import ModelFacts, list_models, model_entry, model_facts, registry
from avsal_bench.models.backbones import backbone_files, backbone_weights
from avsal_bench.models.declared import models_in, weights_in
from avsal_bench.models.published_weights import PublishedWeights, WeightsFile

#: What takes long to import; numpy and rich take a tenth of a second.
HEAVY = (
    *("torch", "torchvision", "torchaudio", "lightning", "torchmetrics", "timm", "pytorchvideo", "tensorboard"),
    *("scipy", "matplotlib", "pandas", "av", "soundfile"),
)

#: Prints, as one line of JSON, which heavy libraries were imported after each of some pieces of code.
PROBE = """
import contextlib, io, json, sys
from pathlib import Path
pieces, heavy = json.loads(sys.argv[1])
found = []
for piece in pieces:
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            exec(piece)
        except SystemExit:
            pass
    found.append([name for name in heavy if name in sys.modules])
print(json.dumps(found))
"""


def avsal(*words):
    return f"from avsal_bench.cli import main; assert main({list(words)!r}) == 0"


def imported(folder, *pieces):
    """Which heavy libraries there are after each piece of code, one after the other in a process of their own."""
    asked = json.dumps([pieces, HEAVY])
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AVSAL_")} | {"AVSAL_HOME": str(folder)}
    ended = subprocess.run(
        [sys.executable, "-c", PROBE, asked], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


def test_what_needs_no_torch_imports_none(tmp_path):
    pieces = (
        "import avsal_bench",
        avsal("--help"),
        avsal("evaluate", "--help"),
        "import avsal_bench.models",
        avsal("list"),
        avsal("models"),
        avsal("models", "stavis"),
        avsal("weights", "list"),
        avsal("submit", "--schema"),
        avsal("leaderboard"),
        avsal("submit", "--check"),
    )
    assert dict(zip(pieces, imported(tmp_path, *pieces), strict=True)) == {piece: [] for piece in pieces}


def test_scoring_maps_and_building_a_network_take_what_they_need(tmp_path):
    scoring, building = imported(
        tmp_path,
        "import avsal_bench.bench.evaluate",
        "from avsal_bench.models import create_model, model_entry\n"
        "create_model('avrsp', **model_entry('avrsp').tiny)\n"
        "assert 'avsal_bench.models.mspi' not in sys.modules",
    )
    assert not {"lightning", "torchmetrics", "matplotlib", "timm", "torchaudio", "pandas", "pytorchvideo"} & {*scoring}
    assert "torch" in scoring
    assert not {"lightning", "timm", "pytorchvideo", "pandas", "matplotlib"} & {*building}


# What the files of networks say, read without running them, is what is registered.


def of_file(entry):
    return {field.name: getattr(entry, field.name) for field in fields(WeightsFile)}


@pytest.mark.parametrize("name", list_models())
def test_what_a_listing_says_of_a_network_is_what_it_registers(name):
    entry, facts = model_entry(name), registry._DECLARED[name]
    assert (facts.name, facts.paper, facts.modalities) == (entry.name, entry.paper, entry.modalities)
    assert facts.module == entry.build.__module__
    assert (facts.title, facts.code, facts.code_licence) == (entry.title, entry.code, entry.code_licence)
    assert [of_file(one) for one in facts.weights] == [of_file(one) for one in entry.weights]
    said = model_facts(name)
    assert (said.paper, said.modalities, said.module) == (facts.paper, facts.modalities, facts.module)


@pytest.mark.parametrize("name", backbone_files())
def test_what_a_listing_says_of_an_encoder_is_what_opens_its_weights(name):
    whole = backbone_weights(name)
    assert all(isinstance(one, PublishedWeights) and one.build for one in whole)
    assert [of_file(one) for one in backbone_files()[name]] == [of_file(one) for one in whole]


NET = '''
_PAPER = "mine2026"
_WEIGHTS = (PublishedWeights("w", "w.pt", "what", "source", "MIT", rename=lambda key, value: (key, value)),)


@register_model("mine", paper=_PAPER, modalities=("v", "av"), tiny={"size": SIZE}, weights=_WEIGHTS)
class Mine(Network):
    pass
'''  # fmt: skip


def test_a_file_is_read_without_running_it(tmp_path):
    (tmp_path / "mine.py").write_text("raise SystemExit\n" + NET)
    (tmp_path / "helper.py").write_text("def register_model(name): ...\n")
    weights = (WeightsFile("w", "w.pt", "what", "source", "MIT"),)
    assert models_in("pack", [str(tmp_path)]) == {
        "mine": ModelFacts("mine", "mine2026", ("v", "av"), weights, "pack.mine")
    }
    assert weights_in([str(tmp_path)]) == {"helper": (), "mine": weights}


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (
            'modalities=("v", "av")',
            "modalities=tuple(KINDS)",
            r"mine.py:6: modalities is read without running",
        ),
        ('"mine", paper', "NAME, paper", r"mine.py:6: name is read without running the file; write it out"),
        ('"source"', 'f"{page} of us"', r"mine.py:3: source is read without running the file"),
    ],
)
def test_what_cannot_be_read_is_named_by_its_line(tmp_path, before, after, message):
    assert before in NET
    (tmp_path / "mine.py").write_text(NET.replace(before, after))
    with pytest.raises(ValueError, match=message):
        models_in("pack", [str(tmp_path)])


def test_two_files_cannot_register_one_name(tmp_path):
    for name in ("a", "b"):
        (tmp_path / f"{name}.py").write_text(NET)
    with pytest.raises(ValueError, match=r"b.py:6: model 'mine' is registered twice, see pack.a"):
        models_in("pack", [str(tmp_path)])


# Seconds, as multiples of an import of torch: slow, and alone on the machine.


def seconds(folder, *words):
    """CPU seconds of a process, the least of three."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "AVSAL_HOME": str(folder)}
    taken = []
    for _ in range(3):
        before = time.process_time(), os.times()
        subprocess.run([sys.executable, *words], cwd=folder, env=environment, check=True, capture_output=True)
        after = os.times()
        taken.append(after[2] + after[3] - before[1][2] - before[1][3])
    return min(taken)


@pytest.mark.slow
@pytest.mark.timed
def test_commands_start_within_their_share_of_an_import_of_torch(tmp_path):
    torch = seconds(tmp_path, "-c", "import torch")
    shares = {
        ("-c", "import avsal_bench"): 0.1,
        ("-c", "import avsal_bench.models"): 0.3,
        ("-m", "avsal_bench.cli", "--help"): 0.3,
        ("-m", "avsal_bench.cli", "list"): 0.4,
        ("-m", "avsal_bench.cli", "weights", "list"): 0.4,
        ("-c", "import avsal_bench.bench.evaluate"): 2.5,
    }
    found = {words: seconds(tmp_path, *words) / torch for words in shares}
    assert {words: share for words, share in found.items() if share > shares[words]} == {}

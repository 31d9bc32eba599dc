"""The page of networks that can be exported is what the file of the tries says, and nothing else."""

import importlib.util

from conftest import HOME

from avsal_bench.exporting import FORMS
from avsal_bench.models.registry import list_models


def script():
    found = importlib.util.spec_from_file_location("export_table", HOME / "docs" / "export_table.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_the_page_is_made_of_the_file_of_tries():
    table = script()
    rows = table.kept_rows(table.KEPT)
    assert table.page(rows) == table.PAGE.read_text(encoding="utf-8")
    assert {row["network"] for row in rows} <= set(list_models())
    assert {row["form"] for row in rows} <= set(FORMS)
    keys = [(row["network"], row["size"], row["batch"], row["form"]) for row in rows]
    assert len(set(keys)) == len(keys), "a try stands there once"
    for row in rows:
        assert bool(row["difference"]) != bool(row["reason"]), row
        assert not row["difference"] or float(row["difference"]) < 1e-4

"""The notebook of the first steps in Python runs from top to bottom, and is small."""

import json

import nbformat
import pytest
from conftest import HOME
from nbclient import NotebookClient

NOTEBOOK = HOME / "examples" / "quickstart.ipynb"


def test_the_notebook_is_small_and_has_no_errors():
    assert NOTEBOOK.stat().st_size < 200_000
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output["output_type"] == "error"]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 2


@pytest.mark.slow
def test_the_notebook_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("AVSAL_HOME", str(HOME))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    scores = notebook.cells[-3]["outputs"][0]["data"]["text/plain"]
    assert "sAUC" in scores
    assert "colour" in scores

"""A network as a file: its maps are those of the suite, or there is no file."""

import json
import sys
from importlib.util import find_spec

import pytest
import torch
from small_graphs import Choosing, Hearing, Seeing, Walking, predictor

import avsal_bench
from avsal_bench.exporting import FORMS, Exporter, NotExportable, check_place, exported, form_of
from avsal_bench.exporting.refusals import refusal
from avsal_bench.models import create_model

onnx_here = pytest.mark.skipif(
    not all(map(find_spec, ("onnx", "onnxscript", "onnxruntime"))), reason="the extra export is not installed"
)


@pytest.mark.parametrize(("kind", "form"), [(Seeing, "pt2"), (Hearing, "torchscript"), (Walking, "torchscript")])
def test_a_file_gives_the_maps_of_the_suite_for_any_batch(kind, form, tmp_path):
    made = Exporter(predictor(kind(), "ab" * 32), None).write(tmp_path / f"net{FORMS[form].suffix}", form)
    assert {(one.clips, one.batch) for one in made.differences} == {
        (c, b) for c in ("random clips", "clips of moving things") for b in (1, 2)
    }
    assert made.difference < 1e-5
    notes = {"avsal.json": ""}
    if form == "pt2":
        run = torch.export.load(made.path, extra_files=notes).module()
    else:
        run = torch.jit.load(str(made.path), _extra_files=notes)
    told = json.loads(notes["avsal.json"])
    assert told == made.notes
    assert told["weights"] == {
        "source": "drawn at random",
        "sha256": "ab" * 32,
        "licence": "not known here; ask who made the weights",
        "offered_at": None,
    }
    shapes = [[3 if side == "batch" else side for side in one["shape"]] for one in told["inputs"]]
    given = [
        torch.zeros(shape, dtype=getattr(torch, one["type"])) for shape, one in zip(shapes, told["inputs"], strict=True)
    ]
    found = run(*given)
    found = [found] if isinstance(found, torch.Tensor) else found
    assert [list(one.shape) for one in found] == [[3, *one["shape"][1:]] for one in told["outputs"]]


@onnx_here
def test_onnx_gives_the_maps_of_the_suite_and_says_what_it_is(tmp_path):
    made = Exporter(predictor(Seeing()), 1).write(tmp_path / "net.onnx", "onnx")
    assert made.difference < 1e-5
    import onnxruntime

    session = onnxruntime.InferenceSession(str(made.path), providers=["CPUExecutionProvider"])
    assert [(one.name, one.shape, one.type) for one in session.get_inputs()] == [
        ("frames", [1, 2, 6, 8, 3], "tensor(uint8)")
    ]
    assert [(one.name, one.shape) for one in session.get_outputs()] == [("saliency", [1, 6, 8])]
    assert json.loads(session.get_modelmeta().custom_metadata_map["avsal.json"]) == made.notes
    assert str(tmp_path) not in made.path.read_bytes().decode("latin1")


def test_a_map_that_differs_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr(exported, "largest_difference", lambda maps, expected: 2e-4)
    kept = tmp_path / "net.pt"
    kept.write_text("mine")
    with pytest.raises(
        NotExportable, match=r"differ by 2\.0e-04 of the highest value \(random clips, batch 1\).*1e-04"
    ):
        Exporter(predictor(Seeing())).write(kept, "torchscript", force=True)
    assert [path.name for path in tmp_path.iterdir()] == ["net.pt"]
    assert kept.read_text() == "mine"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_map_that_is_no_number_differs(value):
    assert exported.largest_difference(torch.full((1, 2, 2), value), torch.ones(1, 2, 2)) == float("inf")
    assert exported.largest_difference(torch.ones(1, 2), torch.ones(1, 2, 2)) == float("inf")
    assert exported.largest_difference(torch.zeros(1, 2), torch.zeros(1, 2)) == 0


def test_a_state_that_is_lost_is_found_out(tmp_path):
    with pytest.raises(NotExportable, match="other maps than the suite"):
        Exporter(predictor(Walking(forgets=True))).write(tmp_path / "net.pt", "torchscript")


def test_what_stands_in_the_way_is_named(tmp_path):
    with pytest.raises(NotExportable, match=r"choosing cannot be exported to pt2: .*data-dependent|\.item"):
        Exporter(predictor(Choosing())).write(tmp_path / "net.pt2", "pt2")
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="maps of a training list"):
        Exporter(predictor(create_model("mep")))
    told = RuntimeError("exporting failed")
    told.__cause__ = ValueError("No ONNX function found for <OpOverload(op='aten._fft_r2c', overload='default')>")
    assert refusal(told).startswith("operator aten._fft_r2c: No ONNX function")


@pytest.mark.parametrize(
    ("name", "form", "force", "error", "says"),
    [
        ("net.pt", "tensorrt", False, ValueError, "unknown format 'tensorrt'"),
        ("net.onnx", "pt2", False, ValueError, "the name of a file of onnx, and pt2 is asked for"),
        ("none/net.pt", "torchscript", False, FileNotFoundError, "there is no folder"),
        ("there.pt", "torchscript", False, FileExistsError, "is there already; .*--force"),
        (".", "pt2", True, IsADirectoryError, "it is a folder"),
    ],
)
def test_a_place_that_cannot_be_is_refused_before_the_work(name, form, force, error, says, tmp_path):
    (tmp_path / "there.pt").write_text("mine")
    with pytest.raises(error, match=says):
        check_place(tmp_path / name, form, force)
    assert (tmp_path / "there.pt").read_text() == "mine"


def test_the_name_of_a_file_names_the_format(tmp_path):
    assert [form_of(tmp_path / f"net{one.suffix}") for one in FORMS.values()] == list(FORMS)
    assert form_of(tmp_path / "net", "onnx") == "onnx"
    with pytest.raises(ValueError, match=r"net: says no format.*\.onnx \(onnx\), \.pt \(torchscript\)"):
        form_of(tmp_path / "net")


def test_missing_packages_are_named_with_their_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(ValueError, match=r"onnxscript.*pip install 'avsal-bench\[export\]'"):
        check_place(tmp_path / "net.onnx", "onnx")


@pytest.mark.parametrize("batch", [0, -1, True, "any"])
def test_a_batch_is_a_number_or_free(batch):
    with pytest.raises(ValueError, match="batch: expected a whole number from 1"):
        Exporter(predictor(Seeing()), batch)


def test_the_api_exports_a_module_and_leaves_it_as_it_was(tmp_path):
    net = Seeing().train()
    made = avsal_bench.export(net, tmp_path / "net.pt")
    assert (made.form, made.bytes) == ("torchscript", (tmp_path / "net.pt").stat().st_size)
    assert (net.training, net.look.training, net.look.weight.requires_grad) == (True, True, True)
    assert (made.notes["model"], made.notes["weights"]["sha256"]) == ("Seeing", None)

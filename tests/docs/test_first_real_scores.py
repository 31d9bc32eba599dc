"""The script of the first real scores: its parts on real frames, scores by plain numpy, and the numbers of its page."""

import importlib.util
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from real_files import needs_real, real

from avsal_bench.data.gaze.dhf1k_maps import density_map, fixation_map, read_viewer
from avsal_bench.evaluation import list_protocols, score_frames
from avsal_bench.evaluation.protocol import protocol
from avsal_bench.metrics import cc, nss
from avsal_bench.metrics.functional import auc

DOCS = Path(__file__).resolve().parents[2] / "docs"
GAZE = "dhf1k_002/gaze"


@pytest.fixture(scope="module")
def script():
    sys.path.insert(0, str(DOCS))
    spec = importlib.util.spec_from_file_location("first_real_scores", DOCS / "first_real_scores.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["first_real_scores"] = module
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(DOCS))
    del sys.modules["first_real_scores"]


@pytest.fixture(scope="module")
def frames():
    """Fixation and density maps of some frames of 002, of four of its viewers, in both forms."""
    viewers = [read_viewer(path, path.name[:3], 783, (360, 640), 30.0) for path in sorted(real(GAZE).iterdir())[:4]]
    found = {}
    for form in ("pairs", "as_published"):
        fixated = [fixation_map(viewers, n, (360, 640), form) for n in (60, 300)]
        found[form] = np.stack(fixated), np.stack([density_map(f, form) for f in fixated])
    return found


@needs_real(GAZE)
def test_scores_on_real_frames_are_those_of_plain_numpy(script, frames):
    saliency = script.centre_map((360, 640)).numpy()
    for fixated, density in frames.values():
        maps = torch.from_numpy(saliency).expand(2, 360, 640)
        truth, marks = torch.from_numpy(density).double(), torch.from_numpy(fixated)
        for i in range(2):
            p, g = saliency.ravel(), density[i].ravel().astype(float)
            assert cc(maps, truth)[i] == pytest.approx(np.corrcoef(p, g)[0, 1], abs=1e-9)
            z = (p - p.mean()) / p.std(ddof=1)
            assert nss(maps, marks)[i] == pytest.approx(z[fixated[i].ravel()].mean(), abs=1e-9)
            hit, other = p[fixated[i].ravel()], np.sort(p[~fixated[i].ravel()])
            below = np.searchsorted(other, hit, "left") + np.searchsorted(other, hit, "right")
            assert auc(maps, marks)[i] == pytest.approx(below.mean() / 2 / len(other), abs=1e-9)


@needs_real(GAZE)
def test_the_form_as_published_marks_more_pixels_and_moves_scores(script, frames):
    pairs, published = frames["pairs"], frames["as_published"]
    assert published[0].sum() > pairs[0].sum()
    maps = script.centre_map((360, 640)).expand(2, 360, 640)
    moved = []
    for fixated, density in (pairs, published):
        marks = torch.from_numpy(fixated)
        scores = score_frames(maps, torch.from_numpy(density), marks, ~marks, protocol("stavis"))
        moved.append([scores[m].mean().item() for m in ("NSS", "AUC-J")])
    assert moved[0] != moved[1]


def made_rows(shift):
    """Scores of two predictors in both forms, under every protocol."""
    of = {"a": 1.0, "b": 1.1}
    return {
        who: {
            form: {name: {m: [value + far, math.nan] for m in ("NSS", "AUC-J", "sAUC")} for name in list_protocols()}
            for form, far in (("pairs", 0.0), ("as_published", shift if who == "a" else 0.0))
        }
        for who, value in of.items()
    }


@pytest.mark.parametrize(
    ("shift", "shown", "changes"), [(0.0, "0.000", 0), (-0.0004, "0.000", 0), (0.05, "+0.050", 0), (0.2, "+0.200", 3)]
)
def test_moves_say_how_far_and_whether_the_order_changes(script, shift, shown, changes):
    text = script.moves(made_rows(shift))
    assert f"1.000 → {1 + shift:.3f} ({shown})" in text
    assert f"changes in {changes * len(list_protocols())} of {3 * len(list_protocols())} columns" in text


def test_numbers_go_between_markers_and_nowhere_else(script, tmp_path):
    page = tmp_path / "page.md"
    assert not script.between_markers(page, "x")
    page.write_text(f"a\n{script.MARKERS[0]}\nold\n{script.MARKERS[1]}\nb\n")
    assert script.between_markers(page, "new")
    assert script.between_markers(page, "new")
    assert page.read_text() == f"a\n{script.MARKERS[0]}\n\nnew\n\n{script.MARKERS[1]}\nb\n"


def test_what_is_kept_is_used_until_something_it_was_made_of_changes(script, tmp_path, monkeypatch):
    monkeypatch.setattr(script, "raw_files", lambda folder: [])
    monkeypatch.setattr(script, "code_of", lambda *parts: "code")
    kept = script.Kept(script.Place(tmp_path, tmp_path))
    made = []

    def make():
        made.append(1)
        return {"scores": len(made)}

    assert [kept.get("a", "b", make)["scores"] for _ in range(2)] == [1, 1]
    assert kept.get("a", "c", make)["scores"] == 2
    (tmp_path / "kept/a.json").write_text("{", encoding="utf-8")
    assert kept.get("a", "c", make)["scores"] == 3


def test_missing_real_files_are_named(script, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"002\.AVI is missing; name the folder of real files with --real"):
        script.real_folder(str(tmp_path))


@pytest.mark.slow
@needs_real("dhf1k_002", "diem_gaze")
def test_the_page_has_the_numbers_of_a_fresh_computation(script, tmp_path, monkeypatch):
    monkeypatch.setattr(script, "FORMS", ("pairs",))
    place = script.Place(script.real_folder(str(real())), tmp_path)
    video = script.make_roots(place)["pairs"]
    frames = place.frames(video)
    from avsal_bench.api.running import predictor_of

    maps = script.maps_of(predictor_of("centre"), video, frames)
    text = (DOCS / "first-real-scores.md").read_text(encoding="utf-8")
    for name in ("stavis", "dhf1k"):
        fresh = script.row_of("centre", script.scores_of_maps(maps, frames, script.Truth(video, [video]), name))
        part = text.split(f"### {name}\n", 1)[1].split("###", 1)[0]
        assert fresh in part

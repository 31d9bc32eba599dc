"""The protocol of STAViS against its authors' scripts, frame by frame, and what it does at the edges."""

import csv
import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from avsal_bench.evaluation import score
from avsal_bench.evaluation.protocol import PROTOCOLS, prepare, protocol, to_eight_bit
from avsal_bench.evaluation.score import score_frames, video_scores
from avsal_bench.records import METRICS

GOLDEN = Path(__file__).parent / "golden"
STAVIS = protocol("stavis")
#: Ties after a resize are ties up to rounding, and AUC-J of such frames depends on what counts as one.
TOLERANCE = {"CC": 1e-9, "NSS": 1e-9, "AUC-J": 3e-5, "sAUC": 1e-9, "SIM": 1e-9, "KL": 1e-9}


def golden_video(name: str) -> tuple[list[str], tuple[torch.Tensor, ...]]:
    """Frame numbers, and maps, densities, fixations and the union of fixations over the whole video."""
    data = np.load(GOLDEN / f"video_{name}.npz")
    points = data["fix"].astype(int)
    fixations = np.zeros((30, *data["gt"].shape[1:]), bool)
    fixations[points[:, 0] - 1, points[:, 1], points[:, 2]] = True
    arrays = data["pred"], data["gt"], fixations[data["frames"].astype(int) - 1], fixations.any(0)
    return [str(n) for n in data["frames"]], tuple(torch.from_numpy(a) for a in arrays)


def golden_scores(name: str) -> dict[str, dict[str, float]]:
    with (GOLDEN / "video.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["video"] == name]
    return {row["frame"]: {metric: float(row[metric] or "nan") for metric in METRICS} for row in rows}


@pytest.mark.parametrize("name", ["v1", "v2", "v3"])
def test_scores_are_those_of_the_authors_scripts(name):
    frames, video = golden_video(name)
    expected = golden_scores(name)
    scores = score_frames(*video, STAVIS)
    assert list(scores) == list(METRICS)
    for metric, values in scores.items():
        for frame, value in zip(frames, values.tolist(), strict=True):
            want = expected[frame][metric]
            assert value == pytest.approx(want, abs=TOLERANCE[metric], nan_ok=True), (name, frame, metric)
    if "mean" in expected:
        means = video_scores(name, scores)
        assert means.scores == pytest.approx(expected["mean"], abs=1e-9)
        assert means.frames == len(frames)
        for metric in METRICS:
            assert means.undefined[metric] == sum(math.isnan(expected[f][metric]) for f in frames)


def test_chunks_do_not_change_a_score(monkeypatch):
    _, video = golden_video("v1")
    whole = score_frames(*video, STAVIS)
    monkeypatch.setattr(score, "PIXELS", 1)
    for metric, values in score_frames(*video, STAVIS).items():
        torch.testing.assert_close(values, whole[metric], rtol=1e-12, atol=1e-12, equal_nan=True)


def test_float32_is_near_float64():
    _, video = golden_video("v1")
    exact = score_frames(*video, STAVIS)
    for metric, values in score_frames(*video, STAVIS, dtype=torch.float32).items():
        torch.testing.assert_close(values.double(), exact[metric], rtol=1e-3, atol=0, equal_nan=True)


def test_post_processing_is_that_of_the_authors_scripts():
    data = np.load(GOLDEN / "resize.npz")
    for meta in json.loads(str(data["meta"])):
        if meta["op"] == "postprocess_sigma2":
            maps = torch.from_numpy(data[f"{meta['name']}_in"])[None]
            expected = torch.from_numpy(data[f"{meta['name']}_out"])
            got = prepare(maps, maps.shape[1:], STAVIS)[0]
            torch.testing.assert_close(got, expected, rtol=0, atol=1e-12, equal_nan=True)


def test_eight_bits_as_stavis_saves_its_maps():
    maps = torch.tensor([[[0.2, 0.4, 0.6]], [[0.7, 0.7, 0.7]]])
    assert to_eight_bit(maps).tolist() == [[[0, 127, 255]], [[0, 0, 0]]]
    assert to_eight_bit(maps.half()).dtype == torch.uint8
    saved = to_eight_bit(maps)
    assert to_eight_bit(saved) is saved
    # So small a range that 255 divided by it overflows: constant.
    assert to_eight_bit(maps * 1e-38 * 1e-3).sum() == 0


def test_maps_score_the_same_before_and_after_they_are_saved():
    _, (maps, *truth) = golden_video("v1")
    floats = (maps.float() / 255) ** 0.7 * 0.3 + 0.1
    direct, saved = score_frames(floats, *truth, STAVIS), score_frames(to_eight_bit(floats), *truth, STAVIS)
    for metric, values in direct.items():
        assert torch.equal(values.nan_to_num(-9), saved[metric].nan_to_num(-9))


def test_an_empty_density_is_zero_or_undefined_as_the_protocol_says():
    _, (maps, densities, fixations, union) = golden_video("v1")
    densities = torch.zeros_like(densities)
    zero = score_frames(maps, densities, fixations, union, STAVIS)
    nan = score_frames(maps, densities, fixations, union, dataclasses.replace(STAVIS, empty_density="nan"))
    for metric in ("SIM", "KL"):
        assert (zero[metric] == 0).all()
        assert nan[metric].isnan().all()
    assert torch.equal(zero["NSS"].nan_to_num(-9), nan["NSS"].nan_to_num(-9))


def test_a_frames_own_fixations_are_no_negatives():
    maps = torch.zeros(1, 8, 8)
    maps[0, 4, 4] = 1.0
    fixations = torch.zeros(1, 8, 8, dtype=torch.bool)
    fixations[0, 4, 4] = True
    union = fixations[0].clone()
    sauc = [score_frames(maps, maps, fixations, union, STAVIS)["sAUC"].item()]
    union[0, 0] = True
    sauc.append(score_frames(maps, maps, fixations, union, STAVIS)["sAUC"].item())
    assert math.isnan(sauc[0])
    assert sauc[1] == 1.0


def test_a_diverged_network_is_an_error_that_names_the_frame():
    _, (maps, *truth) = golden_video("v1")
    maps = maps.float()
    maps[3, 5, 5] = math.nan
    with pytest.raises(ValueError, match=r"synth/drums frame 4: the predicted map holds NaN or infinity"):
        score_frames(maps, *truth, STAVIS, where="synth/drums")
    with pytest.raises(ValueError, match=r"^d: the predicted map"):
        to_eight_bit(maps, where=list("abcde"))
    with pytest.raises(ValueError, match=r"^map 3: "):
        to_eight_bit(maps)


def test_errors_say_what_was_expected():
    _, (maps, densities, fixations, union) = golden_video("v1")
    with pytest.raises(ValueError, match=r"synth/drums: expected maps .* got \(4, 112, 112\), \(5, 240, 320\)"):
        score_frames(maps[1:], densities, fixations, union, STAVIS, where="synth/drums")
    with pytest.raises(ValueError, match=r"fixations and negatives of bool, got torch\.uint8"):
        score_frames(maps, densities, fixations.byte(), union, STAVIS)
    with pytest.raises(ValueError, match=r"unknown protocol 'stavi'; did you mean 'stavis'\? known: stavis"):
        protocol("stavi")


def test_protocols_are_named_by_themselves():
    assert all(name == entry.name for name, entry in PROTOCOLS.items())


def test_undefined_frames_are_left_out_and_counted():
    values = torch.tensor([0.25, math.nan, 0.75], dtype=torch.float64)
    frames = dict.fromkeys(METRICS, values) | {"sAUC": torch.full((3,), math.nan)}
    video = video_scores("drums", frames, category="music")
    assert (video.video, video.frames, video.category) == ("drums", 3, "music")
    assert video.scores["CC"] == 0.5
    assert video.undefined["CC"] == 1
    assert math.isnan(video.scores["sAUC"])
    assert video.undefined["sAUC"] == 3

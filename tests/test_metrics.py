"""Metrics against the field's code, against a plain version of the formula, and against known truths."""

import csv
import itertools
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from avsal_bench.metrics import functional as F
from avsal_bench.metrics.resize import gaussian_blur, imresize

GOLDEN = Path(__file__).parent / "golden"
CASES = np.load(GOLDEN / "cases.npz")
META = {m["case"]: m for m in json.loads(str(CASES["meta"]))}
with (GOLDEN / "cases.csv").open() as file:
    EXPECTED = {row["case"]: row for row in csv.DictReader(file)}
#: Where we decide otherwise than the field's code: an empty map and one with NaN or infinity have no score.
OURS_IS_NAN = {("c023", "SIM"), ("c023", "KL"), ("c036", "SIM"), ("c036", "KL"), ("c037", "SIM"), ("c037", "KL")}
OURS_IS_NAN |= {("c038", "SIM"), ("c038", "KL")}
OURS_IS_NAN |= {(case, metric) for case in ("c042", "c043", "c045") for metric in ("AUC-J plain", "sAUC")}
RELATIVE = {"CC": 1e-9, "NSS": 1e-9, "SIM": 1e-9, "KL": 1e-6}
ABSOLUTE = {"AUC-J": 1e-6, "AUC-J plain": 1e-12, "sAUC": 1e-9}


def tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array)[None]


def mask(points: np.ndarray, size: tuple[int, int]) -> torch.Tensor:
    marked = np.zeros(size, bool)
    marked[points[:, 0], points[:, 1]] = True
    return tensor(marked)


def all_metrics(p, g, fixations, negatives) -> dict[str, torch.Tensor]:
    return {
        "CC": F.cc(p, g),
        "NSS": F.nss(p, fixations),
        "AUC-J": F.auc_judd(p, fixations),
        "AUC-J plain": F.auc_judd(p, fixations, jitter=False),
        "sAUC": F.auc_shuffled(p, fixations, negatives),
        "SIM": F.sim(p, g),
        "KL": F.kld(p, g),
    }


def golden_inputs(case: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    meta = META[case]
    size = tuple(meta["gt_size"])
    p = tensor(CASES[f"{case}_pred"].astype(float) / meta["pred_div"])
    g = tensor(CASES[f"{case}_gt"].astype(float) / meta["gt_div"])
    return imresize(p, size), g, mask(CASES[f"{case}_fix"], size), mask(CASES[f"{case}_other"], size)


@pytest.mark.parametrize("case", META)
def test_scores_are_those_of_the_fields_code(case):
    for metric, values in all_metrics(*golden_inputs(case)).items():
        assert values.shape == (1,)
        assert values.dtype == torch.float64
        expected = float(EXPECTED[case][metric] or "nan")
        if (case, metric) == ("c055", "NSS"):  # every pixel is fixated: 0 but for rounding
            expected, tolerance = 0.0, {"abs": 1e-9}
        elif (case, metric) in OURS_IS_NAN:
            expected, tolerance = math.nan, {}
        elif (case, metric) == ("c017", "AUC-J plain"):  # zeros resized: ties up to rounding, which decides them
            tolerance = {"abs": 1e-3}
        else:
            tolerance = {"rel": RELATIVE.get(metric, 0.0), "abs": ABSOLUTE.get(metric, 0.0)}
        assert values.item() == pytest.approx(expected, nan_ok=True, **tolerance), (case, META[case]["kind"], metric)


@pytest.mark.parametrize("case", ["c000", "c003", "c006", "c009", "c028"])
def test_float32_is_near_float64(case):
    p, g, fixations, negatives = golden_inputs(case)
    exact = all_metrics(p, g, fixations, negatives)
    single = all_metrics(p.float(), g.float(), fixations, negatives)
    for metric, tolerance in {"CC": 1e-6, "SIM": 1e-6, "NSS": 5e-5, "KL": 5e-5, "AUC-J": 1e-3}.items():
        assert single[metric].dtype == torch.float32
        assert single[metric].item() == pytest.approx(exact[metric].item(), rel=tolerance), metric


def test_a_batch_is_its_items():
    items = [golden_inputs(case) for case in ("c000", "c003", "c016", "c029", "c035", "c036")]
    items = [item for item in items if item[0].shape == items[0][0].shape]
    batch = all_metrics(*(torch.cat(parts) for parts in zip(*items, strict=True)))
    for metric, values in batch.items():
        alone = torch.cat([all_metrics(*item)[metric] for item in items])
        torch.testing.assert_close(values, alone, rtol=1e-12, atol=1e-12, equal_nan=True)


# A slow, plain version from the formulas.


def plain_cc(p, g):
    mp, mg = sum(p) / len(p), sum(g) / len(g)
    cov = sum((a - mp) * (b - mg) for a, b in zip(p, g, strict=True))
    return cov / math.sqrt(sum((a - mp) ** 2 for a in p) * sum((b - mg) ** 2 for b in g))


def plain_sim(p, g):
    p, g = ([(x - min(m)) / (max(m) - min(m)) for x in m] for m in (p, g))
    return sum(min(a / sum(p), b / sum(g)) for a, b in zip(p, g, strict=True))


def plain_kld(p, g):
    p, g = ([x / sum(m) for x in m] for m in (p, g))
    return sum(b * math.log(2**-52 + b / (a + 2**-52)) for a, b in zip(p, g, strict=True))


def plain_nss(p, fixated):
    mean = sum(p) / len(p)
    std = math.sqrt(sum((x - mean) ** 2 for x in p) / (len(p) - 1))
    return sum((p[i] - mean) / std for i in fixated) / len(fixated)


def plain_area(points):
    points = [(0, 0), *points, (1, 1)]
    return sum((x1 - x0) * (y0 + y1) / 2 for (x0, y0), (x1, y1) in itertools.pairwise(points))


def plain_judd(p, fixated):
    n = len(fixated)
    points = []
    for i, threshold in enumerate(sorted((p[j] for j in fixated), reverse=True), start=1):
        above = sum(x >= threshold for x in p)
        points.append(((above - i) / (len(p) - n), i / n))
    return plain_area(points)


def plain_shuffled(p, fixated, negatives):
    p = [(x - min(p)) / (max(p) - min(p)) for x in p]
    points = []
    for i in range(10, -1, -1):
        rates = [sum(p[j] >= i * 0.1 for j in where) / len(where) for where in (negatives, fixated)]
        points.append(tuple(rates))
    return plain_area(points)


@pytest.mark.parametrize("seed", range(8))
def test_scores_are_those_of_the_plain_version(seed):
    generator = torch.Generator().manual_seed(seed)
    p, g = torch.randint(0, 6, (2, 1, 7, 9), generator=generator).double() / 5
    fixated, negatives = (torch.randperm(63, generator=generator)[:n].tolist() for n in (9, 14))
    marks = [torch.zeros(63, dtype=torch.bool) for _ in range(2)]
    marks[0][fixated], marks[1][negatives] = True, True
    got = all_metrics(p, g, *(m.view(1, 7, 9) for m in marks))
    p, g = p.flatten().tolist(), g.flatten().tolist()
    expected = {
        "CC": plain_cc(p, g),
        "NSS": plain_nss(p, fixated),
        "AUC-J plain": plain_judd(p, fixated),
        "sAUC": plain_shuffled(p, fixated, negatives),
        "SIM": plain_sim(p, g),
        "KL": plain_kld(p, g),
    }
    for metric, value in expected.items():
        assert got[metric].item() == pytest.approx(value, rel=1e-12, abs=1e-12), metric


@pytest.mark.parametrize("values", [(0, 0, 0, 1, 1, 2), (0, 0, 0, 0, 0, 3), (1, 1, 1, 1, 1, 1), (0, 1, 2, 3, 4, 5)])
@pytest.mark.parametrize("fixated", [(0,), (0, 1), (0, 3), (2, 4, 5)])
def test_expected_jitter_is_the_mean_over_all_ways_to_break_the_ties(values, fixated):
    areas = [
        plain_judd([v + 0.01 * order for v, order in zip(values, orders, strict=True)], fixated)
        for orders in itertools.permutations(range(6))
    ]
    p = torch.tensor(values, dtype=torch.float64).view(1, 2, 3)
    marks = torch.zeros(6, dtype=torch.bool)
    marks[list(fixated)] = True
    assert F.auc_judd(p, marks.view(1, 2, 3)).item() == pytest.approx(sum(areas) / len(areas), abs=1e-12)


def test_all_negatives_are_the_mean_over_all_draws():
    p = torch.rand(1, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    fixated, negatives = (0, 7, 12), (1, 2, 3, 9, 15, 19)
    marks = torch.zeros(2, 20, dtype=torch.bool)
    marks[0, list(fixated)], marks[1, list(negatives)] = True, True
    flat = p.flatten().tolist()
    areas = [plain_shuffled(flat, fixated, draw) for draw in itertools.combinations(negatives, 3)]
    got = F.auc_shuffled(p, *marks.view(2, 1, 4, 5))
    assert got.item() == pytest.approx(sum(areas) / len(areas), abs=1e-12)


# Known truths.


@pytest.fixture
def scene():
    """A smooth density, and 30 fixations at its highest pixels."""
    y, x = torch.meshgrid(torch.arange(40.0), torch.arange(50.0), indexing="ij")
    g = torch.exp(-((x - 31.3) ** 2 + (y - 12.6) ** 2) / 50).double()[None]
    fixations = g >= g.flatten().sort(descending=True).values[29]
    negatives = torch.zeros_like(fixations)
    negatives[0, 25:, :20] = True
    return g, fixations, negatives


def test_a_perfect_map(scene):
    g, fixations, negatives = scene
    scores = {metric: values.item() for metric, values in all_metrics(g, g, fixations, negatives).items()}
    assert scores["CC"] == pytest.approx(1)
    assert scores["SIM"] == pytest.approx(1)
    assert scores["KL"] == pytest.approx(0, abs=1e-12)
    assert scores["AUC-J"] == pytest.approx(1)
    assert scores["sAUC"] > 0.95
    assert scores["NSS"] > 3


def test_noise_is_chance():
    generator = torch.Generator().manual_seed(0)
    p = torch.rand(100, 40, 50, dtype=torch.float64, generator=generator)
    fixations, negatives = (torch.rand(2, 100, 40, 50, generator=generator) < 0.05).unbind()
    assert F.nss(p, fixations).mean().item() == pytest.approx(0, abs=0.03)
    assert F.auc_shuffled(p, fixations, negatives).mean().item() == pytest.approx(0.5, abs=0.01)
    # Judd's straight last piece adds fp / 2N, about 1 / 200 for 100 fixations.
    assert F.auc_judd(p, fixations).mean().item() == pytest.approx(0.505, abs=0.01)


def test_only_kl_and_no_other_metric_sees_an_offset(scene):
    g, fixations, negatives = scene
    p = torch.rand(1, 40, 50, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    before = all_metrics(p, g, fixations, negatives)
    after = all_metrics(3.7 * p + 2.5, g, fixations, negatives)
    for metric, value in before.items():
        if metric == "KL":
            assert after[metric].item() != pytest.approx(value.item(), rel=0.01)
            assert F.kld(3.7 * p, g).item() == pytest.approx(value.item())
        else:
            assert after[metric].item() == pytest.approx(value.item(), abs=1e-9), metric


# Edges: one written answer each.


def undefined(scores: dict[str, torch.Tensor]) -> set[str]:
    return {metric for metric, value in scores.items() if value.isnan().item()}


def test_no_fixations(scene):
    g, fixations, negatives = scene
    scores = all_metrics(g, g, torch.zeros_like(fixations), negatives)
    assert undefined(scores) == {"NSS", "AUC-J", "AUC-J plain", "sAUC"}


def test_every_pixel_fixated(scene):
    g, fixations, negatives = scene
    assert undefined(all_metrics(g, g, torch.ones_like(fixations), negatives)) == {"AUC-J", "AUC-J plain"}


def test_no_negatives(scene):
    g, fixations, _ = scene
    assert undefined(all_metrics(g, g, fixations, torch.zeros_like(fixations))) == {"sAUC"}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_a_constant_map_even_up_to_rounding(scene, dtype, noise):
    g, fixations, negatives = scene
    p = torch.full_like(g, 0.3).to(dtype)
    p = p + noise * torch.finfo(dtype).eps * torch.rand(p.shape, generator=torch.Generator().manual_seed(0)).to(p)
    scores = all_metrics(p, g, fixations, negatives)
    assert undefined(scores) == {"CC", "NSS", "AUC-J plain", "sAUC", "SIM"}
    assert scores["AUC-J"].item() == pytest.approx(0.5 + 1 / (2 * 31))
    assert undefined(all_metrics(g.to(dtype), p, fixations, negatives)) == {"CC", "SIM"}


@pytest.mark.parametrize("which", ["prediction", "density"])
def test_an_empty_map(scene, which):
    g, fixations, negatives = scene
    empty = torch.zeros_like(g)
    if which == "density":
        assert undefined(all_metrics(g, empty, fixations, negatives)) == {"CC", "SIM", "KL"}
    else:
        expected = {"CC", "NSS", "AUC-J plain", "sAUC", "SIM", "KL"}
        assert undefined(all_metrics(empty, g, fixations, negatives)) == expected


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_map_that_is_not_finite_has_no_score(scene, value):
    g, fixations, negatives = scene
    p = g.clone()
    p[0, 0, 0] = value
    scores = all_metrics(p, g, fixations, negatives)
    assert undefined(scores) == set(scores)


# Errors.


def test_errors_say_what_was_expected(scene):
    g, fixations, _ = scene
    with pytest.raises(ValueError, match=r"density maps of one shape \(B, h, w\), got \(1, 40, 50\) and \(1, 40, 49\)"):
        F.cc(g, g[..., 1:])
    with pytest.raises(ValueError, match=r"one shape \(B, h, w\), got \(40, 50\)"):
        F.nss(g[0], fixations[0])
    with pytest.raises(ValueError, match=r"float32 or float64 saliency maps, got torch\.uint8; divide"):
        F.auc_judd((255 * g).byte(), fixations)


# Resize and blur.

RESIZE = np.load(GOLDEN / "resize.npz")


@pytest.mark.parametrize("meta", [m for m in json.loads(str(RESIZE["meta"])) if m["op"] == "imresize"])
def test_imresize_is_matlabs(meta):
    maps = tensor(RESIZE[f"{meta['name']}_in"].astype(float) / meta["div"])
    expected = tensor(RESIZE[f"{meta['name']}_out"])
    torch.testing.assert_close(imresize(maps, tuple(meta["out"])), expected, rtol=0, atol=1e-12)


def test_resize_and_blur_keep_a_constant_and_the_batch():
    maps = torch.rand(3, 9, 14, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert imresize(maps, (9, 14)) is maps
    maps[1] = 0.7
    for changed in (imresize(maps, (20, 5)), gaussian_blur(maps, 2.0, 13)):
        torch.testing.assert_close(changed[1], torch.full_like(changed[1], 0.7))
    torch.testing.assert_close(imresize(maps, (20, 5))[2], imresize(maps[2:], (20, 5))[0])


def test_blur_is_a_filter_with_mirrored_borders():
    maps = torch.rand(1, 5, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    offsets = torch.arange(-6, 7)
    weights = torch.exp(-(offsets[:, None] ** 2 + offsets**2) / 8.0).double()
    weights /= weights.sum()
    padded = np.pad(maps[0].numpy(), 6, mode="symmetric")
    expected = [[(padded[y : y + 13, x : x + 13] * weights.numpy()).sum() for x in range(20)] for y in range(5)]
    torch.testing.assert_close(
        gaussian_blur(maps, 2.0, 13)[0], torch.tensor(expected, dtype=torch.float64), rtol=1e-6, atol=0
    )

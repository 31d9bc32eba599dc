"""Metrics against a plain version of the formula, against known truths, and at the edges."""

import itertools
import math

import numpy as np
import pytest
import torch
from metric_scores import common_metrics

from avsal_bench.metrics import functional as F
from avsal_bench.metrics.resize import gaussian_blur, imresize


def all_metrics(p, g, fixations, negatives) -> dict[str, torch.Tensor]:
    return common_metrics(p, g, fixations, negatives) | {
        "AUC": F.auc(p, fixations),
        "AUC negatives": F.auc(p, fixations, negatives),
        "IG": F.information_gain(p, g, fixations),
    }


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


def plain_borji(p, fixated):
    return plain_shuffled(p, fixated, range(len(p)))


def plain_auc(p, fixated, negatives):
    pairs = [(p[i], p[j]) for i in fixated for j in negatives]
    return sum((a > b) + (a == b) / 2 for a, b in pairs) / len(pairs)


def plain_bits(p, fixated):
    raised = [x - min(p) for x in p]
    return sum(math.log2(2**-52 + raised[i] / sum(raised)) for i in fixated) / len(fixated)


def test_scores_are_those_of_the_plain_version(subtests):
    for seed in range(8):
        with subtests.test(seed=seed):
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
                "AUC-B": plain_borji(p, fixated),
                "AUC": plain_auc(p, fixated, set(range(63)) - set(fixated)),
                "AUC negatives": plain_auc(p, fixated, negatives),
                "IG": plain_bits(p, fixated) - plain_bits(g, fixated),
                "IG none": plain_bits(p, fixated),
            }
            assert set(expected) == set(got) - {"AUC-J"}  # which has a test of its own
            for metric, value in expected.items():
                assert got[metric].item() == pytest.approx(value, rel=1e-12, abs=1e-12), metric


def test_expected_jitter_is_the_mean_over_all_ways_to_break_the_ties(subtests):
    for values in [(0, 0, 0, 1, 1, 2), (0, 0, 0, 0, 0, 3), (1, 1, 1, 1, 1, 1), (0, 1, 2, 3, 4, 5)]:
        for fixated in [(0,), (0, 1), (0, 3), (2, 4, 5)]:
            with subtests.test(values=values, fixated=fixated):
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
    assert scores["AUC"] == 1
    assert scores["IG"] == 0
    assert scores["sAUC"] > 0.95
    assert scores["AUC-B"] > 0.95
    assert scores["NSS"] > 3


def test_noise_is_chance():
    generator = torch.Generator().manual_seed(0)
    p = torch.rand(100, 40, 50, dtype=torch.float64, generator=generator)
    fixations, negatives = (torch.rand(2, 100, 40, 50, generator=generator) < 0.05).unbind()
    assert F.nss(p, fixations).mean().item() == pytest.approx(0, abs=0.03)
    assert F.auc_shuffled(p, fixations, negatives).mean().item() == pytest.approx(0.5, abs=0.01)
    assert F.auc(p, fixations).mean().item() == pytest.approx(0.5, abs=0.01)
    assert F.auc_borji(p, fixations).mean().item() == pytest.approx(0.5, abs=0.01)
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


#: All metrics that look at fixations, and those that a constant map has.
AT_FIXATIONS = {"NSS", "AUC-J", "AUC-J plain", "AUC-B", "sAUC", "AUC", "AUC negatives", "IG", "IG none"}
OF_A_CONSTANT = {"AUC-J", "KL"}


def undefined(scores: dict[str, torch.Tensor]) -> set[str]:
    return {metric for metric, value in scores.items() if value.isnan().item()}


def test_no_fixations(scene):
    g, fixations, negatives = scene
    scores = all_metrics(g, g, torch.zeros_like(fixations), negatives)
    assert undefined(scores) == AT_FIXATIONS


def test_one_fixation_is_enough_but_for_borji(scene):
    g, fixations, negatives = scene
    one = torch.zeros_like(fixations)
    one[0, 12, 31] = True
    assert undefined(all_metrics(g, g, one, negatives)) == {"AUC-B"}


def test_every_pixel_fixated(scene):
    g, fixations, negatives = scene
    scores = all_metrics(g, g, torch.ones_like(fixations), negatives)
    assert undefined(scores) == {"AUC-J", "AUC-J plain", "AUC"}


def test_no_negatives(scene):
    g, fixations, _ = scene
    assert undefined(all_metrics(g, g, fixations, torch.zeros_like(fixations))) == {"sAUC", "AUC negatives"}


def test_a_constant_map_even_up_to_rounding(subtests, scene):
    for dtype in [torch.float64, torch.float32]:
        for noise in [0.0, 1.0]:
            for unit in [1.0, 1e9, 1e30]:
                with subtests.test(dtype=dtype, noise=noise, unit=unit):
                    g, fixations, negatives = scene
                    p = torch.full_like(g, 0.3).to(dtype)
                    p += (
                        noise
                        * torch.finfo(dtype).eps
                        * torch.rand(p.shape, generator=torch.Generator().manual_seed(0)).to(p)
                    )
                    p *= unit
                    scores = all_metrics(p, g, fixations, negatives)
                    assert undefined(scores) == set(scores) - OF_A_CONSTANT
                    assert scores["AUC-J"].item() == pytest.approx(0.5 + 1 / (2 * 31))
                    assert undefined(all_metrics(g.to(dtype), p, fixations, negatives)) == {"CC", "SIM", "IG"}


@pytest.mark.parametrize("which", ["prediction", "density"])
def test_an_empty_map(scene, which):
    g, fixations, negatives = scene
    empty = torch.zeros_like(g)
    if which == "density":
        assert undefined(all_metrics(g, empty, fixations, negatives)) == {"CC", "SIM", "KL", "IG"}
    else:
        scores = all_metrics(empty, g, fixations, negatives)
        assert undefined(scores) == set(scores) - {"AUC-J"}


@pytest.mark.parametrize("which", [0, 1])
def test_a_map_whose_sum_is_zero_or_rounding_has_no_divergence(which):
    zero = torch.tensor([[[0.1, 0.2, -0.3]], [[1.0, -2.0, 1.0]]], dtype=torch.float64)
    maps = [zero, torch.ones_like(zero)]
    assert zero[0].sum() != 0
    assert F.kld(maps[which], maps[1 - which]).isnan().all()


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
    with pytest.raises(ValueError, match=r"point maps of one shape"):
        F.auc_shuffled(g.expand(2, -1, -1), fixations.expand(3, -1, -1), fixations)
    with pytest.raises(ValueError, match=r"baseline maps of one shape"):
        F.information_gain(g, g[..., 1:], fixations)
    with pytest.raises(ValueError, match=r"at least one pixel"):
        F.cc(torch.zeros(2, 0, 5), torch.zeros(2, 0, 5))
    with pytest.raises(ValueError, match=r"no use with jitter=False"):
        F.auc_judd(g, fixations, jitter=False, generator=torch.Generator())
    with pytest.raises(ValueError, match=r"at least 1 split, got 0"):
        F.auc_borji(g, fixations, splits=0, generator=torch.Generator())


def test_an_empty_batch_has_no_scores():
    nothing = torch.zeros(0, 4, 5)
    for metric, values in all_metrics(nothing, nothing, nothing, nothing).items():
        assert values.shape == (0,), metric
    for metric in (F.auc_borji, F.auc_judd):
        assert metric(nothing, nothing, generator=torch.Generator()).shape == (0,)
    assert F.auc_shuffled(nothing, nothing, nothing, generator=torch.Generator()).shape == (0,)


def test_maps_of_any_memory_layout_and_points_of_any_type(scene):
    """Transposed and strided maps, and marks as numbers: the same scores as of plain ones."""
    g, fixations, negatives = (x.expand(3, -1, -1) for x in scene)
    p = torch.rand(3, 40, 50, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    expected = all_metrics(p, g.contiguous(), fixations.contiguous(), negatives.contiguous())
    marks = (7 * fixations.int(), -0.5 * negatives.double())
    strided = [x.repeat_interleave(2, 2)[..., ::2] for x in (p, g, fixations, negatives)]
    rows = [x.flatten(1)[:, None].repeat_interleave(2, 2)[..., ::2] for x in (p, g, fixations, negatives)]
    turned = [x.permute(1, 2, 0).contiguous().permute(2, 0, 1) for x in (p, g, fixations, negatives)]
    offset = [torch.cat([x.flatten()[:3], x.flatten()])[3:].view(x.shape) for x in (p, g, fixations, negatives)]
    for inputs in ((p, g, *marks), strided, rows, turned, offset):
        for metric, values in all_metrics(*inputs).items():
            torch.testing.assert_close(values, expected[metric], rtol=1e-12, atol=1e-12)


def test_counting_is_exact_on_maps_that_crowd_the_cells(subtests):
    for dtype in [torch.float64, torch.float32]:
        for kind in ["8 bits", "zeros", "one cell", "outlier", "saturated"]:
            with subtests.test(dtype=dtype, kind=kind):
                generator = torch.Generator().manual_seed(5)
                p = torch.rand(4, 30, 31, dtype=torch.float64, generator=generator)
                if kind == "8 bits":
                    p = (p * 255).round() / 255
                elif kind == "zeros":
                    p[torch.rand(p.shape, generator=generator) < 0.98] = 0
                elif kind == "one cell":
                    p, p[:, 0, 0] = p * 1e-4, 1
                elif kind == "outlier":
                    p[:, 0, 0] = -1e5
                else:
                    p = (p * 3).clamp(max=1)
                p = p.to(dtype)
                fixations = (
                    torch.rand(p.shape, generator=generator) < torch.tensor([0.005, 0.01, 0.02, 0.04])[:, None, None]
                )
                got = {"plain": F.auc_judd(p, fixations, jitter=False), "exact": F.auc(p, fixations)}
                for i, (values, marks) in enumerate(
                    zip(p.flatten(1).tolist(), fixations.flatten(1).tolist(), strict=True)
                ):
                    fixated = [j for j, mark in enumerate(marks) if mark]
                    others = [j for j, mark in enumerate(marks) if not mark]
                    assert got["exact"][i].item() == pytest.approx(plain_auc(values, fixated, others), abs=1e-7)
                    if kind != "outlier":  # scaled to [0, 1] in float32 its values come together
                        assert got["plain"][i].item() == pytest.approx(plain_judd(values, fixated), abs=1e-7)


# Resize and blur.


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

"""Metrics and resizing against the scores of the field's code: golden numbers, see ``golden/README.md``."""

import csv
import json
import math
from collections import defaultdict
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from metric_scores import common_metrics

from avsal_bench import metrics as M
from avsal_bench.metrics import functional as F
from avsal_bench.metrics.resize import imresize

GOLDEN = Path(__file__).parents[1] / "golden"
FILES = [np.load(GOLDEN / name) for name in ("cases.npz", "cases_large.npz")]
CASES = {key: array for file in FILES for key, array in file.items()}
META = {m["case"]: m for file in FILES for m in json.loads(str(file["meta"]))}
with (GOLDEN / "cases.csv").open() as file:
    EXPECTED = {row["case"]: row for row in csv.DictReader(file)}
#: Where we decide otherwise than the field's code: an empty map and one with NaN or infinity have no score.
OURS_IS_NAN = {(case, metric) for case in ("c023", "c036", "c037", "c038") for metric in ("SIM", "KL")}
OURS_IS_NAN |= {
    (case, metric)
    for case in ("c042", "c043", "c045")
    for metric in ("AUC-J plain", "AUC-B", "sAUC", "AUC exact", "AUC uniform")
}
#: A constant map has no exact area, where pysaliency says 0.5; nor has one without a finite pixel or with -infinity.
OURS_IS_NAN |= {(f"c{i:03}", metric) for i in (21, 22, 23, 24, 38, 44, 46) for metric in ("AUC exact", "AUC uniform")}
RELATIVE = {"CC": 1e-9, "NSS": 1e-9, "SIM": 1e-9, "KL": 1e-6, "IG": 1e-9, "IG none": 1e-9}
#: The areas, and the divergence of a map from itself: the field's code has -1e-12 there.
ABSOLUTE = {"AUC-J": 1e-6, "AUC-J plain": 1e-12, "AUC-B": 1e-9, "sAUC": 1e-9, "AUC exact": 1e-12, "AUC uniform": 1e-12}
ABSOLUTE["KL"] = 1e-10
#: Zeros resized are ties up to rounding, which decides them.
LOOSE = {("c017", "AUC-J plain"): 1e-3, ("c017", "AUC exact"): 1e-3, ("c017", "AUC uniform"): 1e-3}
FLOAT32 = {"CC": 1e-6, "SIM": 1e-6, "NSS": 5e-5, "KL": 5e-5, "IG": 5e-5, "IG none": 5e-5}


def tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array)[None]


def mask(points: np.ndarray, size: tuple[int, int]) -> torch.Tensor:
    marked = np.zeros(size, bool)
    marked[points[:, 0], points[:, 1]] = True
    return tensor(marked)


def all_metrics(p, g, fixations, negatives, baseline) -> dict[str, torch.Tensor]:
    return common_metrics(p, g, fixations, negatives) | {
        "IG": F.information_gain(p, baseline, fixations),
        "AUC exact": F.auc(p, fixations),
        "AUC uniform": F.auc(p, fixations, torch.ones_like(fixations)),
    }


@cache
def golden_inputs(case: str) -> tuple[torch.Tensor, ...]:
    """Prediction, density, fixations, negatives and baseline."""
    meta = META[case]
    size = tuple(meta["gt_size"])
    p = tensor(CASES[f"{case}_pred"].astype(float) / meta["pred_div"])
    g = tensor(CASES[f"{case}_gt"].astype(float) / meta["gt_div"])
    points = (mask(CASES[f"{case}_{kind}"], size) for kind in ("fix", "other"))
    return imresize(p, size), g, *points, tensor(CASES[f"{case}_base"] / 255.0)


def public(p, g, fixations, negatives, baseline) -> dict[str, torch.Tensor]:
    """The same by the functions for everyone."""
    return {
        "CC": M.cc(p, g),
        "NSS": M.nss(p, fixations),
        "AUC-J": M.auc_judd(p, fixations),
        "AUC-J plain": M.auc_judd(p, fixations, jitter=False),
        "AUC-B": M.auc_borji(p, fixations),
        "sAUC": M.shuffled_auc(p, fixations, negatives),
        "SIM": M.sim(p, g),
        # Everyone is told what to do with logits, which the field's code takes.
        "KL": F.kld(p, g) if bool((p < 0).any()) else M.kl_divergence(p, g),
        "IG": M.information_gain(p, fixations, baseline),
        "IG none": M.information_gain(p, fixations, None),
        "AUC exact": M.auc(p, fixations),
        "AUC uniform": M.auc(p, fixations, torch.ones_like(fixations)),
    }


def test_scores_are_those_of_the_fields_code(subtests):
    for case in META:
        with subtests.test(case=case):
            scores = public(*golden_inputs(case))
            assert set(scores) == set(EXPECTED[case]) - {"case"}
            for metric, values in scores.items():
                assert values.shape == (1,)
                assert values.dtype == torch.float64
                expected = float(EXPECTED[case][metric] or "nan")
                if (case, metric) == ("c055", "NSS"):  # every pixel is fixated: 0 but for rounding
                    expected, tolerance = 0.0, {"abs": 1e-9}
                elif (case, metric) in OURS_IS_NAN:
                    assert not math.isnan(expected), "not a difference"
                    expected, tolerance = math.nan, {}
                else:
                    absolute = LOOSE.get((case, metric), ABSOLUTE.get(metric, 0.0))
                    tolerance = {"rel": RELATIVE.get(metric, 0.0), "abs": absolute}
                assert values.item() == pytest.approx(expected, nan_ok=True, **tolerance), (
                    case,
                    META[case]["kind"],
                    metric,
                )


def of_one_size() -> list[tuple[list[str], list[torch.Tensor]]]:
    """The cases of each size, and their inputs as batches."""
    groups = defaultdict(list)
    for case, meta in META.items():
        groups[tuple(meta["gt_size"])].append(case)
    batches = []
    for cases in groups.values():
        parts = zip(*map(golden_inputs, cases), strict=True)
        batches.append((cases, [torch.cat(part) for part in parts]))
    return batches


def test_float32_is_near_float64_and_a_batch_is_its_items(subtests):
    assert max(len(cases) for cases, _ in of_one_size()) > 20
    for cases, (p, g, fixations, negatives, baseline) in of_one_size():
        exact = all_metrics(p, g, fixations, negatives, baseline)
        single = all_metrics(p.float(), g.float(), fixations, negatives, baseline.float())
        alone = [public(*golden_inputs(case)) for case in cases]
        for metric, expected in exact.items():
            with subtests.test(metric=metric, size=tuple(p.shape)):
                assert single[metric].dtype == torch.float32
                one_by_one = torch.cat([scores[metric] for scores in alone])
                torch.testing.assert_close(one_by_one, expected, rtol=1e-12, atol=1e-12, equal_nan=True)
                # Areas at fixed thresholds move where an 8-bit value such as 153 / 255 is a threshold up to rounding.
                absolute = 3e-3 if metric in ("sAUC", "AUC-B") else 1e-3 if metric.startswith("AUC") else 1e-6
                near = [number for number, case in enumerate(cases) if case not in ("c017", "c055")]
                tolerance = {"rtol": FLOAT32.get(metric, 0.0), "atol": absolute, "equal_nan": True}
                torch.testing.assert_close(single[metric][near].double(), expected[near], **tolerance)


# Resize and blur.

RESIZE = np.load(GOLDEN / "resize.npz")


@pytest.mark.parametrize("meta", [m for m in json.loads(str(RESIZE["meta"])) if m["op"] == "imresize"])
def test_imresize_is_matlabs(meta):
    maps = tensor(RESIZE[f"{meta['name']}_in"].astype(float) / meta["div"])
    expected = tensor(RESIZE[f"{meta['name']}_out"])
    torch.testing.assert_close(imresize(maps, tuple(meta["out"])), expected, rtol=0, atol=1e-12)

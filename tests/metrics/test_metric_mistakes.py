"""What users of other code give the public metrics by mistake: an error that names it, and no number."""

import numpy as np
import pytest
import torch

from avsal_bench import metrics as M

RNG = np.random.default_rng(5)
PRED, DENSITY = RNG.random((2, 3, 20, 30))
FIXATIONS = RNG.random((3, 20, 30)) > 0.97
POINTS = [(1, 2), (3, 4), (5, 6)]


@pytest.mark.parametrize("wrong", [np.log(PRED), RNG.standard_normal(PRED.shape), -PRED], ids=["log", "logits", "-"])
def test_the_divergence_of_what_is_no_density_is_an_error(wrong):
    """torch's kl_div takes logarithms, and the numbers of these look like scores."""
    for given in (wrong, torch.from_numpy(wrong).float()):
        with pytest.raises(ValueError, match=r"pred holds negative values, the least is -\S+, and KL .*exponential"):
            M.kl_divergence(given, DENSITY)
    with pytest.raises(ValueError, match="density holds negative values"):
        M.kl_divergence(PRED, wrong)
    with pytest.raises(ValueError, match="pred holds negative values"):
        M.KLDivergence().update(wrong, DENSITY)


def test_the_divergence_takes_what_a_bicubic_resize_makes():
    point = np.zeros((20, 30))
    point[9, 9] = 1
    resized = M.imresize(torch.from_numpy(point)[None], (60, 90))
    assert resized.min() < 0
    assert torch.isfinite(M.kl_divergence(resized, torch.rand(1, 60, 90))).all()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_channels_that_are_last_are_no_batch(channels):
    """They would be scored as many maps of one column or of three."""
    pred = RNG.random((20, 30, channels))
    with pytest.raises(ValueError, match=r"if channels are last, give one of them, pred\[\.\.\., 0\]"):
        M.cc(pred, pred)
    assert M.cc(pred[:8], pred[:8]).shape == (8,)


def test_a_map_of_no_pixels_is_told_so():
    with pytest.raises(ValueError, match=r"pred has shape \(5, 0\): .*; a map has pixels"):
        M.cc(np.zeros((5, 0)), np.zeros((5, 0)))


@pytest.mark.parametrize("metric", [M.cc, M.sim, M.kl_divergence])
def test_a_density_that_is_none_is_named(metric):
    with pytest.raises(TypeError, match="density is a NoneType: give a map"):
        metric(PRED, None)


def test_a_masked_array_is_told_to_be_filled():
    with pytest.raises(TypeError, match="pred is a MaskedArray: give a map as"):
        M.cc(np.ma.masked_less(PRED, 0.5), DENSITY)


@pytest.mark.parametrize("one", [POINTS, [list(p) for p in POINTS], [torch.tensor(p) for p in POINTS]])
def test_a_list_of_points_may_be_the_negatives_of_all_maps(one):
    """Also where there are as many points as maps."""
    np.testing.assert_array_equal(
        M.shuffled_auc(PRED, FIXATIONS, one), M.shuffled_auc(PRED, FIXATIONS, np.array(POINTS))
    )


@pytest.mark.parametrize(
    ("points", "said"),
    [
        (np.array([[True, False]]), r"fixations holds bool: give points \(N, 2\) as numbers"),
        ([("1", "2")], "fixations holds <U1: give points"),
        (None, "fixations is None: give a mask"),
        ("fixations.mat", "fixations is 'fixations.mat': give a mask"),
        ("", "fixations is '': give a mask"),
        ({(1, 2)}, r"fixations is \{\(1, 2\)\}: give a mask"),
        (-FIXATIONS[0].astype(int), "it holds -1. Give 1"),
    ],
)
def test_fixations_of_another_kind_are_named(points, said):
    with pytest.raises(ValueError, match=said):
        M.nss(PRED[0], points)


def test_a_list_of_another_length_is_told_its_length():
    with pytest.raises(ValueError, match=r"fixations is a list of 2: give a mask .* one array of points"):
        M.nss(PRED, [POINTS, POINTS])

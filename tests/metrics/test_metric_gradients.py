"""Gradients of the public metrics: right, and 0 where a map has no score."""

import numpy as np
import pytest
import torch

from avsal_bench import metrics as M

H, W = 9, 14
RNG = np.random.default_rng(3)
PRED, DENSITY = RNG.integers(0, 256, (2, 3, H, W)) / 255
POINTS = [np.array([[1, 2], [13, 8], [5, 0], [5, 0]]), np.array([[0, 0]]), np.zeros((0, 2))]


@pytest.mark.parametrize(
    "loss",
    [
        lambda p: M.cc(p, torch.from_numpy(DENSITY)),
        lambda p: M.sim(p, torch.from_numpy(DENSITY)),
        lambda p: M.kl_divergence(p, torch.from_numpy(DENSITY)),
        lambda p: M.nss(p, POINTS),
        lambda p: M.information_gain(p, POINTS, DENSITY),
    ],
    ids=["cc", "sim", "kl_divergence", "nss", "information_gain"],
)
def test_gradients_are_right_and_0_where_there_is_no_score(loss):
    smooth = torch.from_numpy(np.random.default_rng(0).permutation(3 * H * W).reshape(3, H, W) + 0.5).requires_grad_()
    defined = ~loss(smooth.detach()).isnan()
    assert torch.autograd.gradcheck(lambda p: loss(p)[defined], smooth, eps=1e-4, fast_mode=True)
    part = smooth.detach().clone()
    part[0] = 0.0  # constant and empty
    part.requires_grad_()
    values = loss(part)
    assert values.isnan().tolist() == [True, False, not bool(defined[2])]
    values.nanmean().backward()
    assert part.grad.isfinite().all()
    assert not part.grad[0].any()
    assert part.grad[1].any()
    half = torch.from_numpy(PRED + 0.1).half().requires_grad_()
    loss(half).nansum().backward()
    assert half.grad.dtype == torch.float16
    assert half.grad.isfinite().all()


def test_areas_have_no_gradient():
    pred = torch.from_numpy(PRED).requires_grad_()
    for values in (M.auc_judd(pred, POINTS), M.auc(pred, POINTS), M.shuffled_auc(pred, POINTS, POINTS[0])):
        assert not values.requires_grad
    assert type(M.cc(PRED[0], torch.from_numpy(DENSITY[0]).requires_grad_())) is float

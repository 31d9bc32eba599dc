"""Counting pixels above few thresholds by comparing, and above many by cells: the same numbers."""

import pytest
import torch

from avsal_bench.metrics.arithmetic import roc


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("limits", [False, True])
def test_both_ways_of_counting_agree(monkeypatch, dtype, limits):
    draw = torch.Generator().manual_seed(3)
    maps = (torch.rand(2, 5000, generator=draw) ** 3).to(dtype)
    maps[0, :3000] = 0.25
    edges = torch.cat([maps[:, :9], torch.tensor([[0.25, 0.0, 2.0, torch.inf]] * 2)], 1).to(dtype)
    low, high = maps.amin(1, keepdim=True), maps.amax(1, keepdim=True)
    bounds = (low, high - low) if limits else None
    few = roc.count_in_maps(maps, edges, edges, bounds)
    monkeypatch.setattr(roc, "_FEW", 0)
    assert torch.equal(few, roc.count_in_maps(maps, edges, edges, bounds))

"""MorphMLP-S: the same function as the authors' encoder in MSPI, its runs by hand, and the sizes that it takes."""

import pytest
import torch
from parity import Golden, unfilled
from torch import nn
from torchvision.ops import StochasticDepth

from avsal_bench.models.backbones.morphmlp import WEIGHTS, MorphMLP, SpaceFC, TimeFC, mix_runs, rename_morphmlp
from avsal_bench.models.weights.loading import load_published


def small():
    torch.manual_seed(0)
    return MorphMLP(depths=(1, 1, 1, 1), channels=(56, 56, 56, 392))


def test_every_entry_of_the_authors_has_a_place():
    """Its features, within the network, are compared in test_mspi_parity.py."""
    golden = Golden("mspi_morphmlp_s")
    golden.about["state"] = [entry for entry in golden.about["state"] if entry[0].startswith("visnet.")]
    state = {key.removeprefix("visnet."): value for key, value in golden.state().items()}
    net = unfilled(MorphMLP)
    assert load_published(net, state, rename_morphmlp).without_effect == ()
    assert sum(p.numel() for p in net.parameters()) == 46_723_586


def test_a_run_mixes_its_places_group_by_group():
    torch.manual_seed(0)
    linear = nn.Linear(6, 6)
    x = torch.randn(2, 4, 6)
    with torch.no_grad():
        found = mix_runs(x, 2, linear)
        for clip in range(2):
            for first in (0, 2):
                for group in (slice(0, 3), slice(3, 6)):
                    vector = torch.cat([x[clip, first, group], x[clip, first + 1, group]])
                    expected = linear(vector)
                    assert torch.allclose(found[clip, first, group], expected[:3], atol=1e-6)
                    assert torch.allclose(found[clip, first + 1, group], expected[3:], atol=1e-6)


def changed_places(layer, shape):
    """Steps, rows and columns of a map that change with its first place."""
    x = torch.randn(shape)
    moved = x.clone()
    moved[0, 0, 0, 0] += 1
    with torch.no_grad():
        apart = (layer(moved) - layer(x)).abs().sum(-1)[0] > 1e-6
    return {tuple(place) for place in apart.nonzero().tolist()}


def with_even_weights(channels, run, last):
    """A layer whose branches weigh the same whatever it sees."""
    torch.manual_seed(0)
    layer = SpaceFC(channels, run, last)
    nn.init.zeros_(layer.reweight.fc2.weight)
    return layer


def test_time_sees_all_steps_of_a_place():
    torch.manual_seed(0)
    assert changed_places(TimeFC(16), (1, 8, 2, 3, 16)) == {(step, 0, 0) for step in range(8)}


def test_space_sees_a_run_of_the_row_and_one_of_the_column():
    found = changed_places(with_even_weights(8, 4, last=False), (1, 2, 8, 12, 8))
    assert found == {(0, 0, i) for i in range(4)} | {(0, i, 0) for i in range(4)}


def test_a_run_may_be_several_rows():
    found = changed_places(with_even_weights(8, 4, last=False), (1, 1, 4, 2, 8))
    assert found == {(0, i, j) for i in range(2) for j in range(2)} | {(0, i, 0) for i in range(4)}


def test_the_last_stage_sees_the_whole_map_and_every_second_place_of_a_doubled_one():
    layer = with_even_weights(98, 49, last=True)
    assert len(changed_places(layer, (1, 1, 7, 7, 98))) == 49
    found = changed_places(layer, (1, 1, 7, 14, 98))
    assert found == {(0, i, j) for i in range(7) for j in range(0, 14, 2)}


def test_branches_are_weighed_by_a_softmax_for_each_channel():
    """Equal branches come through as they are, whatever their weights."""
    torch.manual_seed(0)
    layer = SpaceFC(8, 4, last=False)
    for branch in (layer.mlp_h, layer.mlp_w, layer.mlp_c):
        nn.init.zeros_(branch.weight)
        nn.init.constant_(branch.bias, 3.0)
    nn.init.eye_(layer.proj.weight)
    nn.init.zeros_(layer.proj.bias)
    with torch.no_grad():
        assert torch.allclose(layer(torch.randn(2, 1, 4, 4, 8)), torch.full((2, 1, 4, 4, 8), 3.0))


def test_all_norms_have_eps_1e_5_and_paths_are_dropped_ever_more_often():
    with torch.device("meta"):
        net = MorphMLP()
    norms = [m.eps for m in net.modules() if isinstance(m, nn.LayerNorm | nn.BatchNorm3d)]
    assert norms == [1e-5] * (2 + 3 + 3 * 19)
    assert [m.p for m in net.modules() if isinstance(m, StochasticDepth)] == pytest.approx(
        [0.1 * i / 18 for i in range(19)]
    )


def test_clips_of_a_batch_do_not_see_each_other():
    net = small().eval()
    frames = torch.randn(2, 3, 16, 224, 224)
    with torch.no_grad():
        for both, alone in zip(net(frames), net(frames[1:]), strict=True):
            assert torch.allclose(both[1:], alone, atol=1e-5)


def test_gradients_reach_every_parameter():
    net = small().eval()
    sum((feature * torch.randn_like(feature)).sum() for feature in net(torch.randn(1, 3, 16, 224, 224))).backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize("frames", [8, 15, 17, 32])
def test_another_number_of_frames_is_refused(frames):
    with pytest.raises(ValueError, match=f"takes 16 frames; got {frames}"):
        small()(torch.zeros(1, 3, frames, 224, 224))


def test_sizes_are_taken_whose_maps_can_be_cut_into_runs():
    for size in [(224, 224), (448, 224), (224, 448)]:
        MorphMLP.check_size(size)
    with pytest.raises(ValueError, match=r"224x384 pixels: stage 4 has a map of 7x12 and needs a multiple of 49"):
        MorphMLP.check_size((224, 384))
    with pytest.raises(ValueError, match=r"stage 1 has a map of 9x9 and needs a multiple of 14"):
        MorphMLP.check_size((33, 33))
    with pytest.raises(ValueError, match="224x384"):
        small()(torch.zeros(1, 3, 16, 224, 384))


def test_channels_that_runs_do_not_divide_are_refused():
    with pytest.raises(ValueError, match="multiples of 56, 56, 56 and 392; got"):
        MorphMLP(channels=(56, 56, 56, 196))


def test_the_file_of_the_kinetics_network_loads_without_its_norm_and_classifier():
    net = small()
    head = {"norm.weight": torch.zeros(392), "head.weight": torch.zeros(400, 392)}
    loaded = load_published(small(), net.state_dict() | head, WEIGHTS[0].rename)
    assert loaded.without_effect == ("norm.weight", "head.weight")

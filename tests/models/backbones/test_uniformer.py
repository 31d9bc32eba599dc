"""UniFormer-B: the same function as the authors' encoder in MSPI, and what its file lacks and has."""

import pytest
import torch
from parity import Golden, unfilled
from torch import nn
from torchvision.ops import StochasticDepth

from avsal_bench.models.backbones.uniformer import (
    WEIGHTS,
    Attention,
    GlobalBlock,
    LocalBlock,
    PatchEmbedding,
    UniFormer,
    rename_uniformer,
)
from avsal_bench.models.weights.loading import load_published


def small():
    torch.manual_seed(0)
    return UniFormer(depths=(1, 1, 2, 1), width=0.125)


def test_every_entry_of_the_authors_has_a_place_or_no_effect():
    """Its features, within the network, are compared in test_mspi_parity.py."""
    golden = Golden("mspi_uniformer_b")
    golden.about["state"] = [entry for entry in golden.about["state"] if entry[0].startswith("visnet.")]
    state = {key.removeprefix("visnet."): value for key, value in golden.state().items()}
    net = unfilled(UniFormer)
    loaded = load_published(net, state, rename_uniformer)
    unused = {f"visnet.{key}" for key in loaded.without_effect}
    assert {key for key in unused if "running" not in key and "num_batches" not in key} == set(golden.without_effect)
    assert sum(p.numel() for p in net.parameters()) == 49_606_976


def test_the_norms_have_the_eps_of_the_authors():
    eps = {
        kind: {m.eps for block in small().modules() if isinstance(block, kind) for m in block.children() if _is_norm(m)}
        for kind in (PatchEmbedding, LocalBlock, GlobalBlock)
    }
    assert eps == {PatchEmbedding: {1e-5}, LocalBlock: {1e-5}, GlobalBlock: {1e-6}}


def _is_norm(module):
    return isinstance(module, nn.LayerNorm | nn.BatchNorm3d)


def test_a_head_has_64_channels_and_paths_are_dropped_ever_more_often():
    with torch.device("meta"):
        net = UniFormer()
    heads = {(m.qkv.in_features, m.heads) for m in net.modules() if isinstance(m, Attention)}
    assert heads == {(320, 5), (512, 8)}
    drops = [m.p for m in net.modules() if isinstance(m, StochasticDepth)]
    assert drops == pytest.approx([0.1 * i / 39 for i in range(40)])


def test_attention_is_the_softmax_of_scaled_products():
    torch.manual_seed(0)
    attention = Attention(6, 2)
    tokens = torch.randn(1, 5, 6)
    with torch.no_grad():
        query, key, value = attention.qkv(tokens)[0].split(6, dim=-1)
        heads = []
        for part in (slice(0, 3), slice(3, 6)):
            weights = (query[:, part] @ key[:, part].T / 3**0.5).softmax(-1)
            heads.append(weights @ value[:, part])
        expected = attention.proj(torch.cat(heads, dim=-1))
        assert torch.allclose(attention(tokens)[0], expected, atol=1e-6)


@pytest.mark.parametrize("size", [(64, 64), (32, 96)])
def test_features_lie_at_strides_of_4_to_32_and_half_the_frames(size):
    net = small().eval()
    with torch.no_grad():
        shapes = [tuple(feature.shape) for feature in net(torch.randn(1, 3, 16, *size))]
    assert shapes == [
        (1, c, 8, size[0] // s, size[1] // s) for c, s in zip((8, 16, 40, 64), (4, 8, 16, 32), strict=True)
    ]


def test_clips_of_a_batch_do_not_see_each_other():
    net = small().eval()
    frames = torch.randn(2, 3, 16, 32, 64)
    with torch.no_grad():
        for both, alone in zip(net(frames), net(frames[1:]), strict=True):
            assert torch.allclose(both[1:], alone, atol=1e-5)


def test_gradients_reach_every_parameter():
    net = small().eval()
    sum((feature * torch.randn_like(feature)).sum() for feature in net(torch.randn(1, 3, 16, 64, 64))).backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_the_file_of_the_kinetics_network_loads_without_its_norm_and_classifier():
    net = small()
    head = {"norm.weight": torch.zeros(64), "head.weight": torch.zeros(400, 64)}
    loaded = load_published(small(), net.state_dict() | head, WEIGHTS[0].rename)
    assert loaded.without_effect == ("norm.weight", "head.weight")
    with pytest.raises(ValueError, match=r"blocks5\.bias"):
        load_published(small(), net.state_dict() | {"blocks5.bias": torch.zeros(1)}, WEIGHTS[0].rename)

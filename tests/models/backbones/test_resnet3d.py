"""The 3D ResNets: shapes, shortcuts, and what is left out of the published files."""

import pytest
import torch

from avsal_bench.models.backbones.resnet3d import (
    WEIGHTS,
    BasicBlock,
    Bottleneck,
    ResNet3D,
    resnet18,
    resnet50_without_layer4,
)
from avsal_bench.models.weights.loading import load_published


def test_the_parts_of_resnet50_give_the_shapes_of_the_paper():
    net = resnet50_without_layer4(width=0.125).eval()
    x, shapes = torch.randn(1, 3, 16, 112, 112), []
    with torch.no_grad():
        for i in range(4):
            x = net.stage(i, x)
            shapes.append(tuple(x.shape[1:]))
    assert shapes == [(8, 16, 56, 56), (32, 8, 28, 28), (64, 4, 14, 14), (128, 2, 7, 7)]
    assert net.channels == [8, 32, 64, 128]


@pytest.mark.parametrize("frames", [2, 8, 15, 16])
def test_resnet18_ends_with_one_time_step(frames):
    net = resnet18(width=0.125).eval()
    with torch.no_grad():
        assert net(torch.randn(1, 3, frames, 50, 70)).shape == (1, 64, 1, 2, 3)


def test_forward_is_all_parts_one_after_the_other():
    torch.manual_seed(0)
    net = ResNet3D(BasicBlock, (1, 1), width=0.125).eval()
    frames = torch.randn(1, 3, 4, 16, 16)
    with torch.no_grad():
        assert torch.equal(net(frames), net.stage(2, net.stage(1, net.stage(0, frames))))


def test_the_shortcut_of_type_a_takes_every_second_element_and_adds_zeros_behind():
    block = BasicBlock(2, 3, stride=2)
    x = torch.randn(1, 2, 3, 4, 5)
    found = block.shortcut(x)
    assert torch.equal(found[:, :2], x[:, :, ::2, ::2, ::2])
    assert found.shape == (1, 3, 2, 2, 3)
    assert not found[:, 2].any()


def test_the_shortcut_of_type_a_passes_no_gradient_and_an_identity_does():
    x = torch.randn(2, 8, 4, 6, 6, requires_grad=True)
    strided, same = BasicBlock(8, 8, stride=2), BasicBlock(8, 8, stride=1)
    for block in (strided, same):
        for norm in (block.bn1, block.bn2):
            # The convolutions' way is closed.
            torch.nn.init.zeros_(norm.weight)
    assert not strided.shortcut(x).requires_grad
    strided(x).sum().backward()
    assert not x.grad.any()
    same(x).sum().backward()
    assert torch.equal(x.grad, (x > 0).float())


def test_the_shortcut_of_type_b_is_a_convolution_where_the_size_changes():
    first, later, strided = Bottleneck(8, 8, 1), Bottleneck(32, 8, 1), Bottleneck(32, 8, 2)
    keys = [{key for key in block.state_dict() if key.startswith("downsample.")} for block in (first, later, strided)]
    assert [len(found) for found in keys] == [6, 0, 6]
    x = torch.randn(1, 32, 3, 4, 5)
    assert later(x).shape == x.shape
    assert strided(x).shape == (1, 32, 2, 2, 3)


@pytest.mark.parametrize(
    ("weights", "block", "blocks"),
    [(WEIGHTS[0], Bottleneck, (3, 4, 6, 3)), (WEIGHTS[1], BasicBlock, (2, 2, 2, 2))],
    ids=[weights.name for weights in WEIGHTS],
)
def test_a_file_of_the_whole_network_loads_without_its_last_parts(weights, block, blocks):
    """The width is small on both sides; names do not depend on it."""
    torch.manual_seed(0)
    whole = ResNet3D(block, blocks, width=0.125)
    state = whole.state_dict() | {"fc.weight": torch.zeros(400, 64), "fc.bias": torch.zeros(400)}
    net = weights.build(width=0.125)
    loaded = load_published(net, {f"module.{key}": value for key, value in state.items()}, weights.rename)
    assert {key.split(".")[0] for key in loaded.without_effect} == {"layer4", "fc"} - {
        key.split(".")[0] for key in net.state_dict()
    }
    assert all(torch.equal(value, state[key]) for key, value in net.state_dict().items())
    with pytest.raises(ValueError, match=r"classifier\.weight"):
        load_published(net, state | {"classifier.weight": torch.zeros(1)}, weights.rename)

"""Parts with hooks, and layers of one's own in the place of an encoder's: what windows share goes around neither."""

import pytest
import torch
from torch import nn

from avsal_bench.models import Clips, Memory, Place, create_model, model_entry
from avsal_bench.models.base import predict_windows
from avsal_bench.models.layers.inference import inference_form

PARTS = {"vinet": ("", "s3d", "s3d.base1.0", "s3d.base1.0.conv_t"), "stavis": ("",), "tasednet": ("decoder",)}


def of(name):
    torch.manual_seed(0)
    return create_model(name, **{**model_entry(name).tiny, "modality": "v"}).eval()


def windows(net):
    frames = torch.randn(2, 3, net.spec.frames, *net.spec.size)
    numbers = range(1, net.spec.frames + 1)
    return Clips.of(frames, [Place("a/x", tuple(numbers)), Place("a/y", tuple(numbers))])


@pytest.mark.parametrize(("name", "part"), [(name, part) for name, parts in PARTS.items() for part in parts])
@torch.inference_mode()
def test_what_a_hook_changes_is_in_the_map(name, part):
    net = of(name)
    clips = windows(net)
    plain = net(clips.frames)

    def change(module, inputs, output):
        return tuple(x * 0 + 0.3 for x in output) if isinstance(output, tuple) else output * 0 + 0.3

    net.get_submodule(part).register_forward_hook(change)
    expected = net(clips.frames)
    assert not torch.allclose(expected, plain, atol=1e-5)
    found = predict_windows(inference_form(net), clips, None, Memory())
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


class Wrapped(nn.Module):
    """A layer that adds something to a convolution whose sizes it tells."""

    def __init__(self, conv):
        super().__init__()
        self.conv, self.weight, self.bias, self.groups = conv, conv.weight, conv.bias, conv.groups
        self.kernel_size, self.stride, self.padding, self.dilation = (
            conv.kernel_size,
            conv.stride,
            conv.padding,
            conv.dilation,
        )

    def forward(self, x):
        return self.conv(x) + 1


def test_a_layer_of_ones_own_is_not_gone_around():
    net = of("vinet")
    net.s3d.base1[0].conv_t = Wrapped(net.s3d.base1[0].conv_t)
    with pytest.raises(TypeError, match=r"Wrapped stands in the place of a convolution.*predict = Network.predict"):
        net.predict(windows(net), None, Memory())

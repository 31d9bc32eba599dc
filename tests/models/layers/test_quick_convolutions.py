"""Convolutions by oneDNN are those of torch, to rounding, and only where oneDNN is meant."""

import pytest
import torch
from torch import nn

from avsal_bench.models.layers import convolution
from avsal_bench.models.layers.convolution import QuickConv2d, QuickConv3d, convolve, quick
from avsal_bench.models.layers.resample import QuickMaxPool3d


def calls(monkeypatch: pytest.MonkeyPatch) -> list[torch.Size]:
    """Shapes that torch is given from now on."""
    seen: list[torch.Size] = []
    for name in ("conv2d", "conv3d"):
        plain = getattr(convolution.F, name)
        monkeypatch.setattr(convolution.F, name, lambda x, *rest, plain=plain: seen.append(x.shape) or plain(x, *rest))
    return seen


CASES = [
    (nn.Conv3d(8, 12, 3, padding=1), (2, 8, 4, 6, 5)),
    (nn.Conv3d(8, 12, 3, padding=1), (1, 8, 4, 6, 5)),
    (nn.Conv3d(8, 12, 3, (1, 2, 2), (1, 0, 2), bias=False), (1, 8, 4, 6, 5)),
    (nn.Conv3d(8, 12, (3, 1, 1), padding=(2, 0, 0), dilation=(2, 1, 1)), (1, 8, 6, 6, 5)),
    (nn.Conv3d(8, 8, 3, padding=1, groups=8), (1, 8, 4, 6, 5)),
    (nn.Conv3d(8, 12, 1), (1, 8, 4, 6, 5)),
    (nn.Conv2d(8, 12, 3, 2, 1), (1, 8, 6, 5)),
    (nn.Conv2d(8, 12, 1, groups=4), (3, 8, 6, 5)),
]


@pytest.mark.parametrize(("layer", "shape"), CASES)
def test_the_numbers_and_the_format_are_those_of_torch(layer, shape, monkeypatch):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    last = torch.channels_last_3d if x.ndim == 5 else torch.channels_last
    with torch.inference_mode():
        wanted = layer(x)
        seen = calls(monkeypatch)
        quick(layer)
        assert isinstance(layer, QuickConv3d | QuickConv2d)
        torch.testing.assert_close(layer(x), wanted, rtol=0, atol=3e-6)
        found = layer(x.contiguous(memory_format=last))
        torch.testing.assert_close(found, wanted, rtol=0, atol=3e-6)
        assert found.is_contiguous(memory_format=last)
        assert layer(x[:0]).shape == (0, *wanted.shape[1:])
    assert seen == []


@pytest.mark.parametrize("how", ["float64", "autocast", "gradients", "switched off", "one clip without a batch"])
def test_all_else_goes_the_way_of_torch(how, monkeypatch):
    layer, x = nn.Conv3d(3, 4, 3, padding=1), torch.randn(1, 3, 4, 5, 6)
    quick(layer)
    seen = calls(monkeypatch)
    if how == "float64":
        layer, x = layer.double(), x.double()
    if how == "one clip without a batch":
        x = x[0]
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", how != "switched off", raising=False)
    with torch.set_grad_enabled(how == "gradients"), torch.autocast("cpu", torch.bfloat16, enabled=how == "autocast"):
        found = layer(x)
    assert seen == [x.shape]
    assert found.dtype == {"float64": torch.float64, "autocast": torch.bfloat16}.get(how, torch.float32)
    if how == "gradients":
        found.sum().backward()
        assert layer.weight.grad is not None


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv3d(3, 4, 3, padding=1, padding_mode="replicate"),
        nn.Conv2d(3, 4, 3, padding="same"),
        nn.ConvTranspose3d(3, 4, 2),
        nn.Conv1d(3, 4, 3),
        nn.Linear(3, 4),
        type("Odd", (nn.Conv2d,), {})(3, 4, 3),
    ],
)
def test_other_layers_stay_what_they_are(layer):
    kind = type(layer)
    quick(layer)
    assert type(layer) is kind


def test_a_function_of_tensors():
    torch.manual_seed(0)
    x, weight = torch.randn(1, 4, 3, 5, 6).double(), torch.randn(6, 4, 3, 3, 3).double()
    with torch.inference_mode():
        found = convolve(x, weight, None, (1, 2, 2), (1, 1, 1), (1, 1, 1))
        torch.testing.assert_close(found, nn.functional.conv3d(x, weight, None, (1, 2, 2), 1), rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize(
    "options",
    [(3, 1, 1), ((1, 3, 3), 1, (0, 1, 1)), ((3, 1, 1), 1, (1, 0, 0)), (3, 2, 1), (2, 1, 0), (1, 1, 0)],
    ids=str,
)
@pytest.mark.parametrize("size", [(4, 6, 5), (1, 3, 1), (2, 2, 2)], ids=str)
def test_largest_values_near_by_bit_for_bit(size, options, dtype):
    torch.manual_seed(0)
    layer, x = nn.MaxPool3d(*options), torch.randn(2, 8, *size).to(dtype)
    if options == (2, 1, 0) and 1 in size:
        pytest.skip("smaller than the kernel")
    x = x.contiguous(memory_format=torch.channels_last_3d)
    kept, wanted = x.clone(), layer(x)
    quick(layer)
    assert type(layer) is QuickMaxPool3d
    with torch.inference_mode():
        assert torch.equal(layer(x), wanted)
    assert torch.equal(layer(x.requires_grad_()), wanted)
    assert torch.equal(x, kept)


def test_other_pools_stay():
    for layer in (nn.MaxPool3d(3, ceil_mode=True), nn.MaxPool3d(3, dilation=2), nn.MaxPool3d(3, return_indices=True)):
        quick(layer)
        assert type(layer) is nn.MaxPool3d

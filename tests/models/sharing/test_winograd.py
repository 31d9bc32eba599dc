"""Convolutions in fewer products: the same to rounding as layer by layer."""

from collections.abc import Iterator

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from avsal_bench.models.clips import Memory
from avsal_bench.models.fusion.consistency import AVIM
from avsal_bench.models.layers import winograd
from avsal_bench.models.layers.multi_scale import MS, Gather, RegulatorGate
from avsal_bench.models.layers.readout import Readout
from avsal_bench.models.layers.winograd import Convolved, Source, WeightSums, as_clip, as_rows, few_products


@pytest.fixture(autouse=True)
def without_gradients(monkeypatch) -> Iterator[None]:
    """Without gradients, and as large networks compute, however small the layers of these tests are."""
    torch.manual_seed(0)
    monkeypatch.setattr(winograd, "_CHANNELS", 1)
    monkeypatch.setattr(winograd, "_NUMBERS", 1)
    with torch.inference_mode():
        yield


def norm(channels: int) -> nn.BatchNorm3d:
    made = nn.BatchNorm3d(channels, eps=1e-3)
    for values in (made.running_mean, made.weight, made.bias):
        values.normal_()
    made.running_var.uniform_(0.1, 2)
    return made.eval()


def conv(inputs: int = 5, outputs: int = 3, kernel: int = 3, bias: bool = True) -> nn.Conv3d:
    return nn.Conv3d(inputs, outputs, (kernel, 3, 3), padding=(kernel // 2, 1, 1), bias=bias)


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("steps", [1, 2, 4])
@pytest.mark.parametrize("size", [(8, 12), (7, 12), (1, 1), (2, 3), (90, 80)], ids=str)
def test_a_convolution(size, steps, kernel):
    layer = conv(kernel=kernel).double()
    x = torch.randn(2, 5, steps, *size).double()
    torch.testing.assert_close(as_clip(Convolved([layer])(Source(as_rows(x)))), layer(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("after", ["none", "identity", "norm"])
def test_a_sum_of_several_and_its_norm(after, bias):
    layers = [conv(bias=bias).double(), conv(4, bias=bias).double(), conv(bias=bias).double()]
    last = {"none": None, "identity": nn.Identity(), "norm": norm(3).double()}[after]
    one, other = torch.randn(2, 5, 4, 6, 10).double(), torch.randn(2, 4, 4, 6, 10).double()
    small = torch.randn(2, 5, 4, 3, 5).double()
    large = small.repeat_interleave(2, 3).repeat_interleave(2, 4)
    want = sum(layer(x) for layer, x in zip(layers, (one, other, large), strict=True))
    made = Convolved(layers, last)(Source(as_rows(one)), Source(as_rows(other)), Source(as_rows(small), doubled=True))
    torch.testing.assert_close(as_clip(made), want if last is None else last(want), rtol=1e-12, atol=1e-12)


def test_float32_is_rounded_as_by_the_plain_layer():
    layer = conv(64, 32)
    x = torch.randn(1, 64, 4, 14, 24)
    exact = layer.double()(x.double())
    got = as_clip(Convolved([layer.float()])(Source(as_rows(x))))
    assert (got - exact).abs().max() < 3 * (layer(x) - exact).abs().max() + 1e-7


@pytest.mark.parametrize("scales", ["hml", "hm", "ml"])
def test_multi_scale_synergy(scales):
    layer = MS(4, finer="h" in scales, coarser="l" in scales).double()
    for part in layer.modules():
        if isinstance(part, Gather):
            part.bn = norm(4).double()
    h, m, low = (torch.randn(2, 4, 2, *size).double() for size in ((8, 12), (4, 6), (2, 3)))
    near = (h if "h" in scales else None, m, low if "l" in scales else None)
    sums = WeightSums(Memory())
    for _ in range(2):
        torch.testing.assert_close(layer.eval().infer(*near, sums), layer(*near), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_a_regulator_gate(factor):
    layer = RegulatorGate(4, factor).double()
    fused, visual = torch.randn(2, 4, 2, 3, 4).double(), torch.randn(2, 4, 2, 3 * factor, 4 * factor).double()
    kept = fused.clone()
    want = layer(fused, visual)
    torch.testing.assert_close(layer.infer(fused, visual, WeightSums(Memory())), want, rtol=1e-12, atol=1e-12)
    assert torch.equal(fused, kept)


def test_a_readout():
    layer = Readout(3, 4, 2, steps=2).double().eval()
    layer[2], layer[5] = norm(3).double(), norm(4).double()
    scales = [torch.randn(2, 3, 2, 16 // f, 8 // f).double() for f in (1, 2, 4, 8)]
    large = [
        F.interpolate(x, scale_factor=(1, f, f), mode="trilinear") for x, f in zip(scales, (1, 2, 4, 8), strict=True)
    ]
    want = layer(torch.cat(large, 1))
    torch.testing.assert_close(layer.infer(scales, WeightSums(Memory())), want, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("form", ["linear", "quadratic"])
def test_an_interaction(form):
    layer = AVIM(6, form).double()
    nn.init.normal_(layer.out.weight)
    nn.init.normal_(layer.out.bias)
    visual, sound = torch.randn(2, 6, 2, 3, 4).double(), torch.randn(2, 6).double()
    torch.testing.assert_close(layer.infer(visual, sound), layer(visual, sound), rtol=1e-12, atol=1e-12)


def test_plain_layers_in_small_networks(monkeypatch):
    monkeypatch.undo()
    assert few_products(torch.randn(1, 32, 8, 8, 8))
    assert not few_products(torch.randn(1, 16, 16, 8, 8)), "few channels"
    assert not few_products(torch.randn(8, 32, 8, 8, 7)), "few numbers, whatever the batch"


def test_plain_layers_where_they_are_faster():
    x = torch.randn(1, 4, 2, 4, 4)
    assert few_products(x)
    assert few_products(x.double())
    assert few_products(x.bfloat16())
    assert not few_products(x.half())
    assert not few_products(x.to("meta"))
    with torch.autocast("cpu", torch.bfloat16):
        assert few_products(x)
    with torch.autocast("cpu", torch.float16):
        assert not few_products(x)
    with torch.inference_mode(False), torch.enable_grad():
        assert not few_products(x)


@pytest.mark.parametrize("doubled", [False, True])
def test_in_bfloat16_products_are_of_it_and_weights_stay(doubled):
    layer, other, x = conv(32, 16), conv(32, 16), torch.randn(1, 32, 4, 14, 24)
    small = torch.randn(1, 32, 4, 7, 12) if doubled else torch.randn(1, 32, 4, 14, 24)
    large = F.interpolate(small, scale_factor=(1, 2, 2)) if doubled else small
    exact = layer(x) + other(large)
    held = {name: weight.clone() for name, weight in layer.state_dict().items()}
    with torch.autocast("cpu", torch.bfloat16):
        convolved = Convolved([layer, other])
        made = as_clip(convolved(Source(as_rows(x)), Source(as_rows(small), doubled)))
    assert {made.dtype, convolved.bias.dtype, *(w.dtype for w in convolved.weights)} == {torch.bfloat16}
    assert (made - exact).std() < 0.015 * exact.std()
    assert all(torch.equal(weight, held[name]) for name, weight in layer.state_dict().items())


def test_sums_are_made_once_in_a_run():
    memory, layer = Memory(), conv()
    made = [WeightSums(one).of(layer, lambda: Convolved([layer])) for one in (memory, memory.other_sound(), Memory())]
    assert made[0] is made[1]
    assert made[0] is not made[2]

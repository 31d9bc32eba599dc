"""The form of a network that only predicts: the same function, and nothing of what it was made from changes."""

from copy import deepcopy
from typing import ClassVar

import pytest
import torch
from tiny_networks import CASES, build, clip
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import parametrizations, weight_norm

from avsal_bench.models.layers.inference import inference_form


def with_numbers(net: nn.Module, seed: int = 3) -> nn.Module:
    """The network in eval mode, all of its norms with statistics and weights that are not those of the start."""
    drawn = torch.Generator().manual_seed(seed)
    for norm in net.modules():
        if isinstance(norm, _BatchNorm):
            least = ((norm.running_mean, -0.3), (norm.running_var, 0.6), (norm.weight, 0.6), (norm.bias, -0.3))
            for values, low in least:
                if values is not None:
                    change = low + 0.8 * torch.rand(values.shape, generator=drawn)
                    values.data.mul_(change) if low > 0 else values.data.add_(change)
    return net.eval()


def norms_of(net: nn.Module) -> list[str]:
    return [name for name, part in net.named_modules() if isinstance(part, _BatchNorm)]


#: Of each network that learns the modality that has most parts.
RICHEST = dict(case for case in CASES if case[1])
#: Kinds of networks that are looked at always; all others once, with the slow tests.
ALWAYS = ("avrsp", "caspnet", "dave", "mspi", "stavis", "tasednet", "unisal", "vinet_s")
KINDS = [pytest.param(*case, marks=() if case[0] in ALWAYS else pytest.mark.slow) for case in RICHEST.items()]


@pytest.mark.parametrize(("name", "modality"), KINDS)
def test_every_network_predicts_the_same(name, modality):
    net = with_numbers(build(name, modality))
    before = {key: value.clone() for key, value in net.state_dict().items()}
    frames, audio = clip(net.spec, 1, seed=5)
    double = None if audio is None else audio.double()
    with torch.inference_mode():
        wanted, found = net(frames, audio), inference_form(net)(frames, audio)
        true = net.double()(frames.double(), double)
        made = inference_form(net)
        assert (made(frames.double(), double) - true).abs().max() <= 1e-12 * true.abs().max()
    # Rounding of float32 grows from layer to layer: the network itself is as far from the truth.
    rounding = (wanted - true).abs().max()
    assert (found - true).abs().max() <= 2 * rounding + 1e-6 * true.abs().max()
    net.float()
    assert net.state_dict().keys() == before.keys()
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    assert len(norms_of(made)) < len(norms_of(net)) or not norms_of(net)


class Declared(nn.Module):
    """A module of somebody else, whose author says that it can be folded."""

    folds: ClassVar[tuple[tuple[str, str], ...]] = (("layer", "norm"),)

    def __init__(self, layer: nn.Module, norm: nn.Module | None) -> None:
        super().__init__()
        self.layer, self.norm = layer, norm

    def forward(self, x):
        y = self.layer(x)
        return y if self.norm is None else self.norm(y)


class Undeclared(nn.Module):
    """A module that looks at what lies between its layer and its norm, and at the memory of tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.both = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4))

    def forward(self, x):
        y = self.both[0](x)
        return (y + self.both[1](y)).view(-1)


def same(net, made, x, relative=1e-6):
    with torch.inference_mode():
        wanted, found = net(x), made(x)
    return bool((found - wanted).abs().max() <= relative * wanted.abs().max())


LAYERS = {
    "conv1d": (nn.Conv1d(4, 6, 3, groups=2), nn.BatchNorm1d(6), (2, 4, 9)),
    "conv2d": (nn.Conv2d(4, 6, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(6), (2, 4, 9, 9)),
    "conv3d": (nn.Conv3d(4, 6, (1, 3, 3), dilation=2, padding_mode="replicate"), nn.BatchNorm3d(6), (2, 4, 3, 9, 9)),
    "sync": (nn.Conv2d(4, 6, 3), nn.SyncBatchNorm(6), (2, 4, 9, 9)),
    "not affine": (nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6, affine=False), (2, 4, 9, 9)),
    "transposed 1d": (nn.ConvTranspose1d(4, 6, 4, 2), nn.BatchNorm1d(6), (2, 4, 9)),
    "transposed 2d": (nn.ConvTranspose2d(4, 6, 4, 2, groups=2, bias=False), nn.BatchNorm2d(6), (2, 4, 5, 5)),
    "transposed 3d": (nn.ConvTranspose3d(4, 6, (1, 4, 4), 2, output_padding=1), nn.BatchNorm3d(6), (2, 4, 2, 5, 5)),
    "linear": (nn.Linear(4, 6), nn.BatchNorm1d(6), (2, 4)),
}


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("held", ["declared", "neighbours"])
def test_a_norm_is_folded_into_the_layer_before_it(kind, held):
    layer, norm, shape = deepcopy(LAYERS[kind])
    net = Declared(layer, norm) if held == "declared" else Declared(nn.Sequential(layer, norm, nn.ReLU()), None)
    with_numbers(net).train()
    made = inference_form(net)
    assert norms_of(net), "it is as it was"
    assert net.training
    assert not norms_of(made)
    assert not any(part.training for part in made.modules())
    assert not any(weight.requires_grad for weight in made.parameters())
    x = torch.randn(shape, dtype=torch.float64)
    assert same(net.eval(), made, x.float(), 2e-6)
    assert same(net.double(), inference_form(net), x, 1e-13)


def test_convolutions_are_laid_out_with_their_channels_last():
    net = nn.Sequential(nn.Conv1d(2, 2, 3), nn.Conv2d(2, 2, 3), nn.ConvTranspose2d(2, 2, 3), nn.Conv3d(2, 2, 3))
    made = inference_form(Declared(net, None)).layer
    kept, *laid_out = [part.weight for part in made]
    formats = (torch.channels_last, torch.channels_last, torch.channels_last_3d)
    assert all(weight.is_contiguous(memory_format=f) for weight, f in zip(laid_out, formats, strict=True))
    assert kept.is_contiguous()
    plain = inference_form(Declared(net, None), memory_format=False).layer
    assert all(part.weight.is_contiguous() for part in (*plain, *net))


def test_what_nobody_vouches_for_stays_as_it_is():
    class Derived(Declared):
        def forward(self, x):
            return self.layer(x) + super().forward(x)

    for net in (Undeclared(), Derived(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)), nn.Sequential(*Undeclared().both)):
        with_numbers(net).train()
        assert inference_form(net) is net
        assert not net.training
        assert norms_of(net)


def test_what_an_author_vouches_for_is_not_what_it_holds():
    net = with_numbers(Declared(Undeclared(), None))
    made = inference_form(net)
    assert len(norms_of(made)) == 1
    assert same(net, made, torch.randn(2, 3, 8, 8))


def shared_layer():
    layer = nn.Conv2d(3, 3, 3, padding=1)
    return Declared(nn.Sequential(layer, nn.BatchNorm2d(3), layer), None)


def shared_norm():
    norm = nn.BatchNorm2d(3)
    return Declared(nn.Sequential(nn.Conv2d(3, 3, 1), norm, nn.Conv2d(3, 3, 1), norm), None)


def shared_weight():
    net = Declared(nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.Conv2d(3, 3, 1)), None)
    net.layer[2].weight = net.layer[0].weight
    return net


def two_norms():
    net = Declared(nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)), None)
    net.layer.add_module("folds", nn.Identity())
    net.norm = nn.BatchNorm2d(3)
    return net


def old_weight_norm():
    net = Declared(weight_norm(nn.Conv2d(3, 3, 1)), nn.BatchNorm2d(3))
    net(torch.randn(2, 3, 4, 4))  # which leaves a weight that is no leaf
    return net


def hooked(part, before=False):
    net = Declared(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3))
    where = getattr(net, part)
    if before:
        where.register_forward_pre_hook(lambda module, given: (given[0] + 1,))
    else:
        where.register_forward_hook(lambda module, given, found: found.abs())
    return net


@pytest.mark.parametrize(
    ("make", "left"),
    [
        (shared_layer, 1),
        (shared_norm, 1),
        (shared_weight, 1),
        (two_norms, 1),
        (old_weight_norm, 1),
        (lambda: Declared(parametrizations.weight_norm(nn.Conv2d(3, 3, 1)), nn.BatchNorm2d(3)), 1),
        (lambda: Declared(parametrizations.spectral_norm(nn.Linear(3, 3)), nn.BatchNorm1d(3)), 1),
        (lambda: Declared(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3, track_running_stats=False)), 1),
        (lambda: Declared(nn.Conv2d(3, 3, 1), nn.GroupNorm(3, 3)), 0),
        (lambda: hooked("layer"), 1),
        (lambda: hooked("norm"), 1),
        (lambda: hooked("norm", before=True), 1),
    ],
)
def test_a_pair_that_is_more_than_a_pair_stays(make, left):
    net = with_numbers(make())
    x = torch.randn(2, 3) if isinstance(net.layer, nn.Linear) else torch.randn(2, 3, 4, 4)
    made = inference_form(net)
    assert len(norms_of(made)) == left
    assert same(net, made, x, 2e-6)


def test_a_part_that_is_declared_must_be_there():
    class Misspelt(Declared):
        folds: ClassVar = (("layer", "nrom"),)

    with pytest.raises(ValueError, match=r"Misspelt.folds names 'nrom', which it does not have; .* layer, norm"):
        inference_form(Misspelt(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)))
    assert inference_form(Declared(nn.Conv2d(3, 3, 1), None)).norm is None, "left out by an option"


@pytest.mark.parametrize(("name", "modality"), KINDS)
def test_maps_in_bfloat16_are_finite_and_have_no_steps(name, modality):
    net = build(name, modality).eval()
    frames, audio = clip(net.spec, 1, seed=5)
    made = inference_form(net)
    with torch.inference_mode():
        wanted = made(frames, audio)
        with torch.autocast("cpu", torch.bfloat16):
            found = made(frames, audio)
    assert found.dtype == torch.float32
    assert found.isfinite().all()
    assert len(found.unique()) > 0.9 * len(wanted.unique())
    assert torch.corrcoef(torch.stack([found.flatten(), wanted.flatten()]))[0, 1] > 0.5, (
        "random weights make much of little"
    )

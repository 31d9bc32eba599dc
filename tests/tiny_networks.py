"""Every registered network in its tiny version, and input as the data side would give it."""

from copy import deepcopy
from functools import cache

import pytest
import torch
from _pytest.mark import ParameterSet
from parity import drawn
from torch import Tensor, nn

from avsal_bench.models import Network, create_model, list_models, model_entry
from avsal_bench.models.avrsp import AVRSP
from avsal_bench.models.backbones.soundnet import SoundNet
from avsal_bench.models.mspi import MSPI
from avsal_bench.spec import ClipSpec

#: Every network and modality; a baseline that learns nothing has none.
CASES = [(name, modality) for name in list_models() for modality in model_entry(name).modalities or (None,)]

#: Of each network the modality that has most parts.
RICHEST = dict(CASES)


def richest_first() -> list[ParameterSet]:
    """Every case; slow tests are DeepVS, which takes seconds, and the poorer modality of a network."""
    slow = [case for case in CASES if RICHEST[case[0]] != case[1] or case[0] == "deepvs"]
    return [pytest.param(*case, marks=pytest.mark.slow if case in slow else ()) for case in CASES]


def create_tiny(name: str, modality: str | None) -> Network:
    options = {} if modality is None else {"modality": modality}
    return create_model(name, **model_entry(name).tiny, **options)


def build_anew(name: str, modality: str | None) -> Network:
    """The tiny network, untrained, but with batch norms that know their input: else its maps are all but constant."""
    torch.manual_seed(0)
    net = create_tiny(name, modality)
    if net.observes:
        net.observe(torch.rand(4, 30, 40))
    for module in net.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.momentum = 1.0
    with torch.no_grad():
        net.train()(*clip(net.spec, 4, seed=1))
    return net


@cache
def _first(name: str, modality: str | None) -> Network:
    return build_anew(name, modality)


def build(name: str, modality: str | None) -> Network:
    """A copy of such a network, which is built once."""
    return deepcopy(_first(name, modality))


def clip(spec: ClipSpec, batch: int, seed: int = 0) -> tuple[Tensor, Tensor | None]:
    """Random frames and sound as the data side would give them."""
    draw = torch.Generator().manual_seed(seed)
    frames = torch.randn(batch, 3, spec.frames, *spec.size, generator=draw)
    if spec.audio is None:
        return frames, None
    n = int(spec.audio.sample_rate * spec.frames / 25)
    sounds = [spec.audio(0.2 * torch.randn(n, generator=draw).clamp(-5, 5)) for _ in range(batch)]
    return frames, torch.stack(sounds)


def tiny_avrsp(**options) -> AVRSP:
    torch.manual_seed(0)
    return create_model("avrsp", **{**model_entry("avrsp").tiny, **options})


def avrsp_clip(net: AVRSP, batch: int = 2):
    draw = torch.Generator().manual_seed(0)
    frames = torch.randn(batch, 3, net.spec.frames, *net.spec.size, generator=draw)
    audio = net.spec.audio
    return frames, None if audio is None else 50 * torch.randn(batch, 1, audio.samples, generator=draw)


def tiny_mspi(**options) -> MSPI:
    torch.manual_seed(0)
    return create_model("mspi", **{**model_entry("mspi").tiny, **options})


def mspi_clip(net: MSPI, batch: int = 2) -> tuple[Tensor, Tensor | None]:
    draw = torch.Generator().manual_seed(0)
    frames = torch.randn(batch, 3, 16, *net.spec.size, generator=draw)
    return frames, None if net.spec.audio is None else torch.randn(batch, 1, 257, 111, generator=draw)


def filled_mspi(**options) -> MSPI:
    """A tiny network with the weights of the parity rule: the initial ones hear little."""
    net = tiny_mspi(**options)
    state = {
        key: drawn(key, tuple(value.shape), 1) for key, value in net.state_dict().items() if value.is_floating_point()
    }
    net.load_state_dict(net.state_dict() | state)
    return net.eval()


SMALL_CLASSIFIER = {"size": (64, 64), "width": 0.0625}


def switched(host="vinet", avc="predicted", classifier="avid", **more):
    torch.manual_seed(0)
    tiny = model_entry(host).tiny
    net = create_model(
        "avc",
        network=host,
        avc=avc,
        classifier=classifier,
        network_options=tiny,
        classifier_options=SMALL_CLASSIFIER,
        **more,
    )
    for parameter in net.parameters():
        parameter.data += 0.02 * torch.randn_like(parameter)
    return net.eval()


def filled(net: nn.Module) -> nn.Module:
    """The module with every value drawn, so that no two entries are alike by chance."""
    draw = torch.Generator().manual_seed(1)
    for value in net.state_dict().values():
        value.copy_(torch.rand(value.shape, generator=draw) if value.is_floating_point() else torch.tensor(7))
    return net


def same(one: nn.Module, other: nn.Module) -> bool:
    state = other.state_dict()
    return all(torch.equal(value, state[key]) for key, value in one.state_dict().items())


def tiny_soundnet() -> SoundNet:
    return SoundNet(0.125)


def soundnet_state() -> dict[str, torch.Tensor]:
    """State dict of a tiny SoundNet as keunhong/pytorch-soundnet has it: 2D, with heads."""
    state = {k: v[..., None] if v.dim() == 3 else v for k, v in filled(tiny_soundnet()).state_dict().items()}
    return {**state, "conv8_objs.weight": torch.ones(1000, 8, 8, 1), "conv8_scns.bias": torch.ones(401)}

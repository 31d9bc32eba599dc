"""Every registered network in its tiny version, and input as the data side would give it."""

from copy import deepcopy
from functools import cache

import torch
from torch import Tensor, nn

from avsal_bench.models import Network, create_model, list_models, model_entry
from avsal_bench.spec import ClipSpec

#: Every network and modality; a baseline that learns nothing has none.
CASES = [(name, modality) for name in list_models() for modality in model_entry(name).modalities or (None,)]


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

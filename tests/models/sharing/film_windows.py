"""Windows of small random videos, and tiny networks to look at them."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from avsal_bench.data.windows import window
from avsal_bench.models import create_model, model_entry
from avsal_bench.models.base import Network
from avsal_bench.models.clips import Clips, Place

Films = dict[str, Tensor]


def films(*lengths: int, size: tuple[int, int] = (32, 32)) -> Films:
    """Videos ``(n, 3, H, W)`` in float64 by key."""
    draw = torch.Generator().manual_seed(len(lengths))
    return {f"set/{i}": torch.randn(n, 3, *size, generator=draw).double() for i, n in enumerate(lengths)}


def all_places(some: Films, t: int, target: Any = "last", start: Any = "reverse") -> list[Place]:
    return [
        Place(key, window(frame, len(film), t, target, start).frames)
        for key, film in some.items()
        for frame in range(1, len(film) + 1)
    ]


def clips_of(some: Films, places: list[Place]) -> Clips:
    """Windows on a pool that holds each of their frames once, in an order of its own."""
    keys = sorted({(place.video, number) for place in places for number in place.frames}, key=str)
    row = {key: i for i, key in enumerate(keys)}
    pool = torch.stack([some[video][number - 1] for video, number in keys])
    return Clips(pool, torch.tensor([[row[p.video, n] for n in p.frames] for p in places]), places)


def batches(some: Films, places: list[Place], size: int) -> Iterable[Clips]:
    return (clips_of(some, places[i : i + size]) for i in range(0, len(places), size))


def filled(net: nn.Module) -> nn.Module:
    """With norms as after training, in float64: those of a new network change nothing."""
    draw = torch.Generator().manual_seed(0)
    for norm in (part for part in net.modules() if isinstance(part, nn.BatchNorm3d)):
        for values, low, high in (
            (norm.running_mean, -0.3, 0.3),
            (norm.running_var, 0.1, 0.5),
            (norm.weight.data, 0.5, 1.5),
            (norm.bias.data, -0.3, 0.3),
        ):
            values.copy_(low + (high - low) * torch.rand(values.shape, generator=draw))
    return net.eval().double()


def tiny(name: str, **options: Any) -> Network:
    torch.manual_seed(0)
    return filled(create_model(name, **{**model_entry(name).tiny, "size": (32, 64), **options}))


def sound(net: Network, clips: Clips) -> Tensor | None:
    """A sound of its own for each window."""
    if net.spec.audio is None:
        return None
    seeds = [place.frames[-1] for place in clips.places]
    drawn = (torch.randn(1, net.spec.audio.samples, 1, generator=torch.Generator().manual_seed(s)) for s in seeds)
    return 50 * torch.stack(list(drawn)).to(next(net.parameters()).dtype)


def single(some: Films) -> Films:
    """In float32."""
    return {key: film.float() for key, film in some.items()}


def rows(net: nn.Module, names: list[str]) -> dict[str, list[int]]:
    """How many time steps go through layers in each call, from now on."""
    counted: dict[str, list[int]] = {name: [] for name in names}
    for name in names:
        layer = net.get_submodule(name)
        layer.register_forward_hook(lambda m, i, o, name=name: counted[name].append(o.shape[0] * o.shape[2]))
    return counted

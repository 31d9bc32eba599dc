"""AVRSP, CASP-Net, MSPI, STANet and the switch over whole videos: what windows share is found once, maps are the same."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import torch
from test_sharing import all_places, batches, films, rows
from tiny_networks import filled_mspi
from tiny_networks import create_tiny
from torch import Tensor, nn

from avsal_bench.models import create_model, model_entry
from avsal_bench.models.base import Network
from avsal_bench.models.clips import Clips, Memory, Place
from avsal_bench.models.layers.inference import inference_form

#: By name: model and options. Frames and widths as small as the network takes.
_AVRSP = {"frames": 8, "size": (64, 64), "width": 8, "backbone_width": 0.125}
_CASPNET = {"size": (32, 32), "width": 8}
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "avrsp": ("avrsp", {"modality": "av", **_AVRSP}),
    "avrsp, v": ("avrsp", {"modality": "v", **_AVRSP, "pairs": 4}),
    "caspnet": ("caspnet", {"modality": "av", **_CASPNET}),
    "caspnet, unet": ("caspnet", {"modality": "v", **_CASPNET, "decoder": "unet"}),
    "caspnet, fcn": ("caspnet", {"modality": "v", **_CASPNET, "decoder": "fcn"}),
    "mspi": ("mspi", {"modality": "av", "size": (32, 32)}),
    "mspi, maps": ("mspi", {"modality": "v", "size": (32, 32), "image_features": "maps"}),
    "stanet": ("stanet", {"modality": "av", "size": (64, 64)}),
}


@pytest.fixture(autouse=True)
def without_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


def filled(net: Network) -> Network:
    """With values as after training, in float64: a new network hardly sees what it is shown."""
    draw = torch.Generator().manual_seed(0)

    def drawn(value: Tensor, low: float, high: float) -> None:
        value.copy_(low + (high - low) * torch.rand(value.shape, generator=draw))

    for part in net.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            drawn(part.running_mean, -0.3, 0.3)
            drawn(part.running_var, 0.1, 0.5)
            drawn(part.weight.data, 0.5, 1.5)
            drawn(part.bias.data, -0.3, 0.3)
    return net.eval().double()


def tiny(name: str) -> Network:
    model, options = NETWORKS[name]
    torch.manual_seed(0)
    if model == "mspi":
        return filled_mspi(**options).double()
    return filled(create_model(model, **{**model_entry(model).tiny, **options}))


def sound(net: Network, clips: Clips) -> Tensor | None:
    """A sound of its own for each window, in the form of the network's front end."""
    front = net.spec.audio
    if front is None:
        return None
    n = int(front.sample_rate * max(net.spec.frames, 16) / 25)
    drawn = (torch.randn(n, generator=torch.Generator().manual_seed(place.frames[-1])) for place in clips.places)
    return torch.stack([front(0.2 * one) for one in drawn]).to(next(net.parameters()).dtype)


def span(maps: Tensor) -> float:
    return float(maps.max() - maps.min())


def some_windows(net: Network) -> tuple[dict[str, Tensor], list[Place]]:
    """Reverse windows, forward ones on both sides of a gap, one of repeated ends, and two of short videos."""
    t = net.spec.frames
    some = films(2 * t + 4, t // 2, 1, size=net.spec.size)
    key, *_ = some
    places = all_places(some, t, net.spec.target, net.spec.start)
    first = [place for place in places if place.video == key]
    chosen = [*first[:2], *first[t - 1 : t + 3], first[t + 5], *first[-2:]]
    return some, [*chosen, *places[len(first) :: t // 2]]


@cache
def seen_alone(name: str) -> tuple[Network, dict[str, Tensor], list[Place], Tensor]:
    """A network, some windows, and the map of each by itself."""
    net = tiny(name)
    some, places = some_windows(net)
    maps = [net.to_map(net(clips.frames, sound(net, clips))) for clips in batches(some, places, 1)]
    return net, some, places, torch.cat(maps)


@pytest.mark.parametrize("size", [1, 3, 4])
@pytest.mark.parametrize("name", NETWORKS)
def test_maps_are_those_of_whole_windows(name, size):
    net, some, places, want = seen_alone(name)
    memory = Memory()
    got = [net.to_map(net.predict(clips, sound(net, clips), memory)) for clips in batches(some, places, size)]
    assert (torch.cat(got) - want).abs().max() < 1e-10 * span(want)
    apart = (want[1:] - want[:-1]).abs().amax((1, 2)).min()
    assert apart > 1e-4 * span(want), "a wrong window would be seen"

"""AVRSP, CASP-Net, MSPI and STANet over videos: what windows share is found once, and maps are the same."""

import itertools
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from typing import Any

import pytest
import torch
from film_windows import all_places, batches, films
from tiny_networks import filled_mspi
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
    "avrsp, no skips": ("avrsp", {"modality": "v", **_AVRSP, "pairs": 0, "skips": False}),
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
    chosen = [*first[:2], *first[t : t + 2], first[t + 3], *first[-1:]]
    return some, list(dict.fromkeys([*chosen, *places[len(first) :: max(2, t // 2)]]))


@cache
def seen_alone(name: str) -> tuple[Network, dict[str, Tensor], list[Place], Tensor]:
    """A network, some windows, and the map of each by itself."""
    net = tiny(name)
    some, places = some_windows(net)
    maps = [net.to_map(net(clips.frames, sound(net, clips))) for clips in batches(some, places, 1)]
    return net, some, places, torch.cat(maps)


#: Networks by batch size; the variants take longer.
CASES = [
    *itertools.product(("avrsp", "caspnet", "mspi", "stanet"), (1, 3)),
    *(pytest.param(name, 4, marks=pytest.mark.slow) for name in ("avrsp", "caspnet", "mspi", "stanet")),
    *(
        pytest.param(name, 3, marks=pytest.mark.slow)
        for name in ("avrsp, v", "caspnet, unet", "caspnet, fcn", "mspi, maps")
    ),
]


@pytest.mark.parametrize(("name", "size"), CASES)
def test_maps_are_those_of_whole_windows(name, size):
    net, some, places, want = seen_alone(name)
    memory = Memory()
    got = [net.to_map(net.predict(clips, sound(net, clips), memory)) for clips in batches(some, places, size)]
    assert (torch.cat(got) - want).abs().max() < 1e-10 * span(want)
    apart = (want[1:] - want[:-1]).abs().amax((1, 2)).min()
    assert apart > 1e-6 * span(want), "a wrong window would be seen"


@pytest.mark.parametrize("dtype", [torch.float32, pytest.param(torch.bfloat16, marks=pytest.mark.slow)], ids=str)
@pytest.mark.parametrize("name", ["avrsp", "caspnet", "mspi"])
def test_maps_in_the_form_for_inference(name, dtype):
    """Norms folded and channels last, against the network as it is: to rounding, and to that of bfloat16."""
    net, some, places, want = seen_alone(name)
    form, memory = inference_form(deepcopy(net).float()), Memory()
    some = {key: film.float() for key, film in some.items()}
    got = []
    with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
        for clips in batches(some, places[:4], 2):
            got.append(net.to_map(form.predict(clips, sound(form, clips), memory)).double())
    maps = torch.cat(got)
    if dtype == torch.float32:
        assert (maps - want[:4]).abs().max() < 1e-5 * span(want)
    else:
        assert torch.corrcoef(torch.stack([maps.flatten(), want[:4].flatten()]))[0, 1] > 0.99


@pytest.mark.parametrize(("name", "part"), [("avrsp", "ms.0.third"), ("caspnet", "aspp.4"), ("mspi", "sep_inception")])
def test_what_is_seen_is_found_once_for_several_sounds(name, part):
    net, some, places, _ = seen_alone(name)
    memory, calls = Memory(), []
    (clips,) = batches(some, places[2:4], 2)
    layer = net.get_submodule(part)
    method = "infer" if hasattr(layer, "infer") else "forward"
    found = getattr(layer, method)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layer, method, lambda *given: calls.append(part) or found(*given))
        audio = sound(net, clips)
        maps = [net.predict(clips, heard, memory.other_sound()) for heard in (audio, 0.5 * audio)]
    assert calls == [part]
    torch.testing.assert_close(maps[1], net(clips.frames, 0.5 * audio), rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", ["avrsp", "mspi"])
def test_other_weights_are_those_that_predict(name):
    """After a state dict is loaded, a test run begins with a memory that is empty."""
    net = deepcopy(seen_alone(name)[0])
    _, some, places, before = seen_alone(name)
    (clips,) = batches(some, places[2:3], 1)
    memory = Memory()
    net.predict(clips, sound(net, clips), memory)
    net.load_state_dict({key: 0.9 * value for key, value in net.state_dict().items()})
    memory.clear()
    (clips,) = batches(some, places[2:3], 1)
    after = net.predict(clips, sound(net, clips), memory)
    torch.testing.assert_close(after, net(clips.frames, sound(net, clips)), rtol=0, atol=1e-10)
    assert (net.to_map(after) - before[2:3]).abs().max() > 1e-4 * span(before)
    assert net.state_dict().keys() == seen_alone(name)[0].state_dict().keys()


def test_windows_of_another_size():
    net = tiny("caspnet, fcn")
    clips = Clips.of(torch.zeros(1, 3, 16, 32, 64), [Place("set/a", tuple(range(1, 17)))])
    with pytest.raises(ValueError, match=r"expected frames \(B, 3, 16, 32, 32\); got \(1, 3, 16, 32, 64\)"):
        net.predict(clips, None, Memory())

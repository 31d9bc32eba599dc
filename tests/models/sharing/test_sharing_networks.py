"""Networks on S3D predict a video as they predict each of its windows."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from film_windows import all_places, batches, clips_of, filled, films, rows, single, sound, tiny

from avsal_bench.models.base import Network
from avsal_bench.models.clips import Memory
from avsal_bench.models.layers.inference import inference_form
from avsal_bench.models.vinet import ViNet


@pytest.fixture(autouse=True)
def without_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


NETWORKS = {
    "vinet": ("vinet", {"modality": "v"}),
    "bilinear": ("vinet", {"modality": "av"}),
    "transformer": ("vinet", {"modality": "av", "fusion": "transformer"}),
    "tasednet": ("tasednet", {}),
}


def without_ties(name: str, **options: Any) -> Network:
    """A network, in which rounding moves no maximum of TASED-Net.

    Pooled branches give neighbours the same value, so which of them is the maximum of a block is up to rounding: the
    network by itself differs there from batch to batch. Without weights behind those pools nothing is in doubt.
    """
    model, fixed = NETWORKS[name]
    net = tiny(model, **fixed, **options)
    if name == "tasednet":
        for stage in (net.s3d.base2, net.s3d.base3):
            stage[-1].branch3[1].conv.weight.zero_()
    return net


@pytest.mark.parametrize(
    ("name", "size"),
    [("vinet", 1), ("vinet", 3), ("tasednet", 1), ("tasednet", 4), ("bilinear", 4)],
)
def test_maps_are_those_of_whole_windows(name, size):
    """Reverse windows, forward ones, repeated ends and short videos, in float64."""
    net, memory = without_ties(name, frames=8), Memory()
    some = films(16, 5, 1, 8, size=net.spec.size)
    seen = []
    for clips in batches(some, all_places(some, 8), size):
        audio = sound(net, clips)
        want = net(clips.frames, audio)
        torch.testing.assert_close(net.predict(clips, audio, memory), want, rtol=1e-12, atol=1e-12)
        seen.append(want)
    maps = torch.cat(seen)
    assert (maps[1:] - maps[:-1]).abs().amax((1, 2)).median() > 1e-6, "a wrong window would be seen"


@pytest.mark.parametrize("name", ["vinet", "tasednet", "bilinear", pytest.param("transformer", marks=pytest.mark.slow)])
def test_maps_in_the_form_for_inference(name):
    """In float32 with norms folded and channels last, against the network as it is."""
    net, memory = without_ties(name, frames=16).float(), Memory()
    form, some = inference_form(net), single(films(22, size=net.spec.size))
    for clips in batches(some, all_places(some, 16)[12:], 3):
        audio = sound(net, clips)
        torch.testing.assert_close(form.predict(clips, audio, memory), net(clips.frames, audio), rtol=0, atol=1e-6)


def test_frames_are_seen_once_for_several_sounds():
    net, memory, some = tiny("vinet", modality="av", frames=8), Memory(), films(12, size=(32, 64))
    counted = rows(net, ["s3d.base4"])
    maps = []
    for clips in batches(some, all_places(some, 8)[8:], 2):
        audio = sound(net, clips)
        maps.append([net.predict(clips, heard, memory.other_sound()) for heard in (audio, -audio)])
        torch.testing.assert_close(maps[-1][1], net(clips.frames, -audio), rtol=1e-12, atol=1e-12)
    calls = counted["s3d.base4"]
    assert calls[0] == 2
    assert len(calls) == 2 * len(maps), "once for both sounds, and once by the plain way"
    assert not torch.equal(*maps[0])


@pytest.mark.parametrize("name", ["vinet", "tasednet"])
def test_windows_that_a_network_does_not_take(name):
    net, some = tiny(name, frames=8), films(20, size=(32, 32))
    with pytest.raises(ValueError, match=r"expected frames \(B, 3, 8, 32, 64\); got \(1, 3, 8, 32, 32\)"):
        net.predict(clips_of(some, all_places(some, 8)[:1]), None, Memory())


def test_a_switch_is_heeded_window_by_window():
    """Windows without sound go the way around it."""
    net, memory, some = tiny("vinet", modality="av", frames=8), Memory(), films(12, size=(32, 64))
    for clips in batches(some, all_places(some, 8)[8:], 2):
        audio, hears = sound(net, clips), torch.tensor([True, False])
        got = net.predict(clips, audio, memory, hears)
        torch.testing.assert_close(got, net(clips.frames, audio, hears), rtol=1e-12, atol=1e-12)
        off = (got - net(clips.frames, audio)).abs().amax((1, 2))
        assert off[0] < 1e-12 < 1e-9 < off[1]


class Doubled(ViNet):
    """A network of somebody else, who knows of no ``predict``."""

    def forward(self, frames: Any, audio: Any = None, use_audio: Any = None) -> Any:
        return 2 * super().forward(frames, audio, use_audio)


def test_a_forward_of_ones_own_is_what_predicts():
    net, some = filled(Doubled(frames=8, size=(32, 64), width=0.125)), films(9, size=(32, 64))
    clips, memory = clips_of(some, all_places(some, 8)), Memory()
    torch.testing.assert_close(inference_form(net).predict(clips, None, memory), net(clips.frames))

    class Named(Doubled):
        """What derives from it and says nothing of either."""

    assert Named.predict is Doubled.predict is Network.predict is not ViNet.predict

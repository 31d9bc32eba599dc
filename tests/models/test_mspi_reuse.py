"""Windows of a video at test time: MSPI's image model sees each frame once, and the maps are those of forward."""

import pytest
import torch
from tiny_networks import filled_mspi as filled
from tiny_networks import tiny_mspi as tiny
from torch import Tensor

from avsal_bench.data.clips.data_config import DataConfig
from avsal_bench.data.clips.datamodule import SaliencyDataModule
from avsal_bench.data.clips.items import collate, read_item
from avsal_bench.data.windows import window
from avsal_bench.models import Clips, Memory, Network, Place, model_entry
from avsal_bench.models.layers.frame_memory import features_once
from avsal_bench.models.mspi import MSPI
from avsal_bench.spec import ClipSpec
from avsal_bench.training.module import SaliencyModule

#: Rounding of float64 in a log map; an image feature of another frame moves it by more than SEEN.
ROUNDING, SEEN = 1e-10, 1e-4


def exact(**options) -> MSPI:
    """In float64, where another order of the frames changes nothing but the last digits."""
    return filled(size=(32, 32), **options).double()


def film(net: MSPI, n: int, seed: int) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(3, n, *net.spec.size, generator=draw).double()


def batches(net: MSPI, films: dict[str, Tensor], size: int):
    """Frames, sound and places of every window, ``size`` at a time, videos one after the other."""
    places = [
        Place(video, window(frame, frames.shape[1], 16).frames)
        for video, frames in films.items()
        for frame in range(1, frames.shape[1] + 1)
    ]
    for start in range(0, len(places), size):
        some = places[start : start + size]
        clips = torch.stack([films[p.video][:, [number - 1 for number in p.frames]] for p in some])
        sounds = [torch.randn(1, 257, 111, generator=torch.Generator().manual_seed(p.frames[-1])) for p in some]
        yield clips, torch.stack(sounds).double() if net.spec.audio else None, some


def count_frames(net: MSPI) -> list[int]:
    """How many frames each call of the image model gets, from now on."""
    calls: list[int] = []
    encode = net.image_encoder.forward

    def counted(frames):  # no hook, with which a network goes by whole windows
        calls.append(len(frames))
        return encode(frames)

    net.image_encoder.forward = counted
    return calls


@torch.no_grad()
def compare(net: MSPI, films: dict[str, Tensor], size: int) -> list[int]:
    """Look whether all windows of all films come out as by forward; frames that each call of the image model got."""
    got, want, memory = [], [], Memory()
    parts = list(batches(net, films, size))
    for frames, audio, _ in parts:
        want.append(net(frames, audio))
    calls = count_frames(net)
    for frames, audio, places in parts:
        got.append(net.predict(Clips.of(frames, places), audio, memory))
    torch.testing.assert_close(torch.cat(got), torch.cat(want), rtol=0, atol=ROUNDING)
    assert (torch.cat(want)[1:] - torch.cat(want)[:-1]).abs().amax((1, 2)).min() > SEEN, "a wrong window would be seen"
    return calls


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({}, 1),
        pytest.param({"modality": "v"}, 7, marks=pytest.mark.slow),
        pytest.param({"modality": "v", "image_features": "maps"}, 3, marks=pytest.mark.slow),
        ({"modality": "v", "image": "mobilenetv2", "frozen_encoders": False}, 8),
    ],
    ids=str,
)
def test_every_window_of_a_video_is_as_by_forward_and_each_frame_encoded_once(options, size):
    net = exact(**options)
    n = 33  # reverse windows, forward ones, and some that the first frames are too old for
    calls = compare(net, {"a/x": film(net, n, 0)}, size)
    assert calls[0] == 15 + size
    assert max(calls[1:]) <= size
    assert sum(calls) == n


@pytest.mark.parametrize("n", [1, 5, 20])
def test_a_video_too_short_for_windows_both_ways(n):
    net = exact(modality="v")
    if n == 1:
        (frames, audio, places) = next(batches(net, {"a/x": film(net, 1, 0)}, 1))
        calls = count_frames(net)
        with torch.no_grad():
            got = net.predict(Clips.of(frames, places), audio, Memory())
            torch.testing.assert_close(got, net(frames, audio), rtol=0, atol=ROUNDING)
        assert calls == [1, 16]
    else:
        assert sum(compare(net, {"a/x": film(net, n, 0)}, 4)) == n


@pytest.mark.parametrize("size", [pytest.param(5, marks=pytest.mark.slow), 28])
def test_frames_of_the_same_number_in_two_videos_are_not_mixed_up(size):
    """Also where a batch has windows of both."""
    net = exact(modality="v")
    films = {"a/x": film(net, 17, 0), "a/y": film(net, 8, 1), "b/x": film(net, 3, 2)}
    assert sum(compare(net, films, size)) == 17 + 8 + 3


def test_the_image_feature_of_another_frame_would_be_seen():
    net = exact(modality="v")
    frames, audio, places = next(batches(net, {"a/x": film(net, 31, 0)}, 2))
    memory = Memory()
    with torch.no_grad():
        right = net.predict(Clips.of(frames, places), audio, memory)
        for image in ("a/x", 7), ("a/x", 16):
            memory.seen["image"][image] = tuple(-x for x in memory.seen["image"][image])
        wrong = net.predict(Clips.of(frames, places), audio, memory)
    assert (right - wrong).abs().amax((1, 2)).min() > SEEN


def test_windows_that_leave_some_frames_out():
    """As when a stopped run goes on, whose memory is gone and whose first windows are done."""
    net = exact(modality="v")
    parts = [part for i, part in enumerate(batches(net, {"a/x": film(net, 40, 0)}, 1)) if i in (0, 18, 19, 34)]
    calls, memory = count_frames(net), Memory()
    with torch.no_grad():
        got = torch.cat([net.predict(Clips.of(frames, places), audio, memory) for frames, audio, places in parts])
        assert calls == [16, 3, 1, 15]
        want = torch.cat([net(frames, audio) for frames, audio, _ in parts])
    torch.testing.assert_close(got, want, rtol=0, atol=ROUNDING)


def test_memory_is_bounded():
    memory: dict = {}
    sizes = []
    for video in ("a/x", "a/y"):
        for frame in range(1, 101, 3):
            places = [Place(video, window(f, 102, 16).frames) for f in range(frame, frame + 3)]
            frames = torch.stack([torch.tensor(p.frames).float().expand(3, 2, 2, 16).movedim(3, 1) for p in places])
            (numbers,) = features_once(lambda x: (x.amax((1, 2, 3)),), Clips.of(frames, places), memory)
            assert numbers.tolist() == [list(p.frames) for p in places]
            assert {key[0] for key in memory} == {video}
            sizes.append(len(memory))
    assert max(sizes) == 30
    assert sizes[-1] == 15


def test_another_memory_knows_nothing_of_the_first():
    """Other weights, or another video file of the same name."""
    net, other = exact(modality="v"), exact(modality="v")
    for parameter in other.image_encoder.parameters():
        parameter.data *= 1.5
    (part,) = batches(net, {"a/x": film(net, 2, 0)}, 2)
    with torch.no_grad():
        first, second = (one.predict(Clips.of(part[0], part[2]), part[1], Memory()) for one in (net, other))
        torch.testing.assert_close(second, other(*part[:2]), rtol=0, atol=ROUNDING)
    assert (first - second).abs().max() > SEEN


def test_without_an_image_model_no_image_feature_is_kept():
    net = exact(modality="v", image="none")
    (frames, audio, places) = next(batches(net, {"a/x": film(net, 20, 0)}, 2))
    memory = Memory()
    with torch.no_grad():
        got = net.predict(Clips.of(frames, places), audio, memory)
        torch.testing.assert_close(got, net(frames, audio), rtol=0, atol=ROUNDING)
    assert "image" not in memory.seen


def test_other_networks_predict_by_forward():
    class Mean(Network):
        spec = ClipSpec(4, (8, 8))

        def forward(self, frames, audio=None):
            return frames.mean((1, 2))

    net = Mean()
    frames = torch.randn(2, 3, net.spec.frames, *net.spec.size)
    places = [Place("a/x", window(f, 60, net.spec.frames).frames) for f in (1, 2)]
    memory = Memory()
    with torch.no_grad():
        assert torch.equal(net.predict(Clips.of(frames, places), None, memory), net(frames))
    assert memory == Memory()


def test_places_that_are_not_those_of_the_frames():
    net = tiny(modality="v").eval()
    frames = torch.randn(2, 3, 16, 64, 96)
    place = Place("a/x", tuple(range(1, 17)))
    with pytest.raises(ValueError, match=r"2 windows of 16 frames; got windows of these lengths: \[16\]"):
        net.predict(Clips.of(frames, [place]), None, Memory())
    with pytest.raises(ValueError, match=r"got windows of these lengths: \[16, 3\]"):
        net.predict(Clips.of(frames, [place, Place("a/x", (1, 2, 3))]), None, Memory())
    short = Place("a/x", tuple(range(1, 9)))
    with pytest.raises(ValueError, match=r"expected frames \(B, 3, 16, 64, 96\)"):
        net.predict(Clips.of(frames[:, :, :8], [short, short]), None, Memory())


# From files to maps


def lightning(net: MSPI, modality: str) -> SaliencyModule:
    module = SaliencyModule("mspi", {**model_entry("mspi").tiny, "modality": modality}, {}, {}, {}).eval()
    module.net = net
    return module


def test_batches_say_which_frames_their_windows_have(synth_root):
    data = SaliencyDataModule(DataConfig({"synth": synth_root}, test_batch_size=8, flip=0.0), tiny(modality="v").spec)
    video = data.test_videos()[0]
    seen = []
    for batch in data.predict_dataloader():
        if batch["video"][0] == video.name:
            seen += batch["window"]
    assert seen == [window(frame, video.n_frames, 16).frames for frame in range(1, video.n_frames + 1)]
    batch = next(iter(data.train_dataloader()))
    lengths = {v.name: v.n_frames for v in data.fit_videos()}
    for name, frame, frames in zip(batch["video"], batch["frame"], batch["window"], strict=True):
        assert frames == window(frame, lengths[name], 16).frames


@pytest.mark.parametrize("modality", [pytest.param("v", marks=pytest.mark.slow), "av"])
def test_a_test_run_gives_the_same_maps_as_windows_one_by_one(synth_root, modality):
    net = filled(modality=modality)
    module = lightning(net, modality)
    data = SaliencyDataModule(DataConfig({"synth": synth_root}, test_batch_size=6), net.spec)
    videos = sorted(data.test_videos(), key=lambda v: v.n_frames)[:2]
    data.skip = {v.key for v in data.listed("test")} - {v.key for v in videos}
    module.memory.seen["synth/x", 1] = ()
    module.on_predict_start()
    assert module.memory == Memory()
    # Reverse and forward windows, and the change of videos.
    parts = [batch for batch in data.predict_dataloader() if batch["frame"][0] <= 20]
    assert len({batch["video"][0] for batch in parts}) == 2
    calls, maps = count_frames(net), []
    with torch.no_grad():
        for i, batch in enumerate(parts):
            maps.append(module.predict_step(batch, i))
    assert sum(calls) < 0.4 * 16 * sum(map(len, maps))
    with torch.no_grad():
        for batch, got in zip(parts, maps, strict=True):
            want = net.to_map(net(module.clips_of(batch).frames, batch["audio"]))
            torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-6 * float(want.max()))


def test_a_batch_whose_windows_became_lists_on_the_way_to_a_gpu(synth_root):
    net = filled(modality="v")
    module = lightning(net, "v")
    video = SaliencyDataModule(DataConfig({"synth": synth_root}), net.spec).test_videos()[0]
    batch = collate([read_item(video, frame, net.spec) for frame in (1, 2)])
    with torch.no_grad():
        want = module(batch)
        assert torch.equal(module({**batch, "window": [list(frames) for frames in batch["window"]]}), want)
    assert module.memory == Memory()


def test_training_and_validation_keep_nothing(synth_root, monkeypatch):
    module = lightning(tiny(modality="v"), "v")
    module.loss = {"kl": 1.0}
    monkeypatch.setattr(module, "log", lambda *args, **options: None)
    monkeypatch.setattr(MSPI, "predict", lambda *args: pytest.fail("for test time only"))
    data = SaliencyDataModule(DataConfig({"synth": synth_root}, batch_size=2, test_batch_size=2), module.net.spec)
    module.validation_step(next(iter(data.val_dataloader())), 0)
    assert torch.isfinite(module.training_loss(next(iter(data.train_dataloader()))))
    assert module.memory == Memory()

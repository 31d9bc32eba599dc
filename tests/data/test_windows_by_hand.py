"""Every network over a whole video, as in a test run, against a plain loop that builds each window by hand."""

from functools import cache

import numpy as np
import pytest
import soundfile
import torch
import torchaudio
from PIL import Image
from tiny_networks import build, richest_first
from torchvision.io import decode_image
from torchvision.transforms.v2 import functional as F

from avsal_bench.audio.waveform import EarlyWaveform
from avsal_bench.data.clips.data_config import DataConfig
from avsal_bench.data.clips.datamodule import SaliencyDataModule
from avsal_bench.data.dataset import dataset
from avsal_bench.models import Clips, Memory, Place, model_entry
from avsal_bench.training.module import SaliencyModule

#: Frames that are compared: the first ones, where windows differ most, and the last ones.
EDGE = 5


@cache
def picture(file, size, antialias, by):
    stored = decode_image(str(file))
    if by == "lanczos":
        image = Image.fromarray(stored.permute(1, 2, 0).numpy())
        stored = torch.from_numpy(np.array(image.resize(size[::-1], Image.LANCZOS))).permute(2, 0, 1)
    return F.resize(stored, list(size), antialias=antialias).float()


def seen(file, spec):
    """A frame as a network sees it; several pictures of it stand one below the other, in the middle of black rows."""
    if not spec.pictures:
        return picture(file, tuple(spec.size), spec.antialias, spec.filter)
    whole, top = torch.zeros(3, *spec.size), 0
    for height, width in spec.pictures:
        left = (spec.size[1] - width) // 2
        part = picture(file, (height, width), spec.antialias, spec.filter)
        whole[:, top : top + height, left : left + width] = part
        top += height
    return whole


@cache
def sound(file, rate):
    wave, own = soundfile.read(file, dtype="float32")
    wave = torch.from_numpy(wave)
    return wave if own == rate else torchaudio.functional.resample(wave, own, rate)


def by_hand(net, video, frame, memory):
    """The map of one frame, from its files; a network that goes by frames remembers those before."""
    spec, n = net.spec, video.n_frames
    t = spec.frames
    backwards = False
    if spec.walk == "frames":
        numbers = [frame]
    elif spec.target == "middle":
        numbers = [frame + (i - t // 2) * spec.step for i in range(t)]
    elif isinstance(spec.target, int):
        numbers = [frame - spec.target + spec.step * i for i in range(t)]
    elif frame < t and spec.start == "reverse":
        numbers, backwards = [frame + t - 1 - i for i in range(t)], True
    else:
        numbers = [frame - t + 1 + i for i in range(t)]
    numbers = [min(max(number, 1), n) for number in numbers]
    files = [video.frames.folder / f"img_{number:05d}.jpg" for number in numbers]
    pictures = [seen(file, spec) for file in files]
    mean, std = (255 * torch.tensor(v)[:, None, None, None] for v in (spec.mean, spec.std))
    frames = (torch.stack(pictures, 1) - mean) / std
    audio = None
    if spec.audio is not None:
        wave = sound(video.audio, spec.audio.sample_rate)
        first, last = min(numbers), max(numbers)
        if isinstance(spec.audio, EarlyWaveform):  # hears the frames before those that are seen
            first, backwards = max(frame - spec.audio.frames, 1), frame <= spec.audio.frames
            last = min(first + spec.audio.frames - 1, n)
        start, stop = spec.audio.span(first, last, video.fps, len(wave))
        excerpt = wave[start:stop].flip(0) if backwards else wave[start:stop]
        audio = spec.audio(excerpt)[None]
    with torch.no_grad():
        # Chance draws by the name of the place.
        clips = Clips.of(frames[None], [Place(video.key, tuple(numbers))])
        return net.to_map(net.predict(clips, audio, memory if spec.walk == "frames" else Memory()))[0]


@pytest.mark.parametrize(("name", "modality"), richest_first())
def test_a_test_run_gives_the_maps_of_a_plain_loop(synth_root, name, modality):
    net = build(name, modality).eval()
    options = dict(model_entry(name).tiny) | ({} if modality is None else {"modality": modality})
    module = SaliencyModule(name, options, {}, {}, {}).eval()
    module.net = net
    data = SaliencyDataModule(DataConfig({"synth": synth_root}, test_batch_size=4), net.spec)
    videos = dataset("synth").videos(synth_root, "test", 1)
    if net.spec.target == "last" and net.spec.start == "reverse":  # shorter ones have a rule of their own
        videos = [v for v in videos if v.n_frames >= 2 * net.spec.frames]
    video = min(videos, key=lambda v: abs(v.n_frames - 2 * net.spec.frames))
    data.skip = {v.key for v in data.listed("test")} - {video.key}
    n = video.n_frames
    predicted, memory = [], Memory()
    for batch in data.predict_dataloader():
        edge = [i for i, frame in enumerate(batch["frame"]) if frame <= EDGE or frame > n - 2]
        wanted = range(len(batch["frame"])) if net.spec.walk == "frames" else edge
        predicted += batch["frame"]
        if not wanted:
            continue
        with torch.no_grad():
            maps = module.predict_step(batch, 0)
        for i in wanted:
            want = by_hand(net, video, batch["frame"][i], memory)
            torch.testing.assert_close(maps[i], want, rtol=1e-4, atol=1e-5 * float(want.max()))
    assert predicted == list(range(1, n + 1))

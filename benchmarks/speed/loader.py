"""Time what training waits for: clips a second, from pictures and from the prepared form, against a plain loader.

A clip is 32 consecutive frames at the size of the network, the excerpt of the sound as a waveform, and a saliency map.
The plain loader works as published scripts do: Pillow opens and resizes one picture after the other, torchvision's
transforms make a normalised tensor of it, and the whole wav is read for each clip. Before anything is timed, all
must give the same clips.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
import torchaudio
from metrics import blobs, processor, size_of
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from avsal_bench.audio.waveform import Waveform
from avsal_bench.data.clips.items import collate, read_item
from avsal_bench.data.dataset import Video
from avsal_bench.data.files.frames import is_prepared
from avsal_bench.data.files.images import read_density
from avsal_bench.data.files.prepare import prepare_videos
from avsal_bench.data.places import NumberedFiles
from avsal_bench.spec import ClipSpec
from avsal_bench.workers import Workers

EXAMPLES = """examples:
  python benchmarks/speed/loader.py                                 frames of 360x640 to 224x384, 0 and 2 processes
  python benchmarks/speed/loader.py --frame-size 720x1280 --json loader.json      all numbers to a file
  python benchmarks/speed/loader.py --size 112x112 --clips 96 --workers 0 4 8     with more processes

The data are made in a temporary folder, which --folder sets: moving textures in jpg of quality 90, and noise in wav of
44.1 kHz stereo. No frame is in two clips, and each process has one thread. What is read lies in the memory of the
system, so the disk is not timed. The plain loader gives normalised float32, ours bytes, which are normalised on the
device, as in training. A cell is the median of --repeats passes over all clips, and in brackets the speed-up
over the plain loader: the median over the passes, for the three take turns."""

RATE, FPS, SEEN = 44100, 25.0, 32
SOURCES = ("plain", "jpg", "prepared")
Place = tuple[int, int]


def texture(rng: np.random.Generator, size: tuple[int, int]) -> NDArray[np.float32]:
    """Noise of many scales ``(h, w, 3)`` in [0, 255], the coarse ones strong, as in natural pictures."""
    height, width = size
    total = np.zeros((height, width, 3), np.float32)
    for cell in (2, 4, 8, 16, 32, 64, 128):
        noise = rng.integers(0, 255, (height // cell + 2, width // cell + 2, 3), dtype=np.uint8)
        total += cell**0.7 * np.asarray(Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC))
    return np.asarray(255 * (total - total.min()) / (total.max() - total.min()))


def make_video(root: Path, name: str, n_frames: int, size: tuple[int, int], seed: int) -> Video:
    """One video on the disk: a view that pans over a texture, another one that moves through it, and grain."""
    rng = np.random.default_rng(seed)
    (height, width), pan = size, 96
    frames, maps = root / "video_frames" / name, root / "maps" / name
    for folder in (frames, maps):
        folder.mkdir(parents=True)
    ground, thing = texture(rng, (height + pan, width + pan)), texture(rng, (height // 4, width // 4))
    grain = rng.normal(0, 2, (8, height, width, 1)).astype(np.float32)
    for n in range(1, n_frames + 1):
        x, y = (round(pan / 2 * (1 + np.sin(n / period))) for period in (17, 23))
        picture = ground[y : y + height, x : x + width] + grain[n % 8]
        top, left = 5 * n % (height - len(thing)), 7 * n % (width - thing.shape[1])
        picture[top : top + len(thing), left : left + thing.shape[1]] = thing
        Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(frames / f"img_{n:05d}.jpg", quality=90)
        centre = np.array([[(top + len(thing) / 2) / height, (left + thing.shape[1] / 2) / width]])
        Image.fromarray(blobs(size, centre)).save(maps / f"eyeMap_{n:05d}.jpg", quality=90)
    wav = root / f"{name}.wav"
    sound = rng.normal(0, 0.1, (round(RATE * n_frames / FPS), 2)).clip(-1, 1)
    soundfile.write(wav, sound, RATE, subtype="PCM_16")
    pictures, densities = NumberedFiles(frames, "img_", 5, ".jpg"), NumberedFiles(maps, "eyeMap_", 5, ".jpg")
    return Video("speed", name, n_frames, FPS, pictures, densities, densities, wav, prepared=root / "prepared" / name)


class PlainClips(Dataset[dict[str, Any]]):
    """The clips that end at places, as published scripts read them; nothing of it is this project's."""

    def __init__(self, videos: Sequence[Video], size: tuple[int, int], mean: Sequence[float], std: Sequence[float]):
        self.videos = videos
        self.size = size
        self.picture = transforms.Compose(
            [transforms.Resize(size), transforms.ToTensor(), transforms.Normalize(mean, std)]
        )

    def __getitem__(self, place: Place) -> dict[str, Any]:
        video, last = self.videos[place[0]], place[1]
        assert isinstance(video.frames, NumberedFiles)
        frames = []
        for n in range(last - SEEN + 1, last + 1):
            image = Image.open(video.frames.path(n)).convert("RGB")
            frames.append(self.picture(image))
        density = Image.open(video.densities.path(last)).convert("L").resize(self.size[::-1], Image.Resampling.BILINEAR)
        return {
            "frames": torch.stack(frames, dim=1),
            "audio": self.sound(video, last),
            "density": torch.from_numpy(np.asarray(density, np.float32) / 255),
        }

    def sound(self, video: Video, last: int) -> Tensor:
        """The excerpt at half the rate, under a Hann window, in the middle of a buffer."""
        samples, _ = soundfile.read(video.audio, dtype="float32")
        half = RATE // 2
        start = max(0, int((last - SEEN) / FPS * half - half / FPS / 2))
        stop = min(int((last - 1) / FPS * half + half / FPS / 2) + 1, len(samples) // 2)
        excerpt = torch.from_numpy(samples.mean(1)[2 * start : 2 * stop])
        excerpt = torchaudio.functional.resample(excerpt, RATE, half)
        buffer = torch.zeros(1, int(half / 10 * SEEN))
        first = buffer.shape[1] // 2 - len(excerpt) // 2
        buffer[0, first : first + len(excerpt)] = 256 * torch.hann_window(len(excerpt), periodic=False) * excerpt
        return buffer


class OurClips(Dataset[dict[str, Any]]):
    """As in training, but at the places that are asked for."""

    def __init__(self, videos: Sequence[Video], spec: ClipSpec) -> None:
        self.videos = videos
        self.spec = spec

    def __getitem__(self, place: Place) -> dict[str, Any]:
        video, frame = self.videos[place[0]], place[1]
        density = read_density(video.densities.path(frame), self.spec.size)
        return {**read_item(video, frame, self.spec), "density": density}


def check(clips: dict[str, Dataset[Any]], places: Sequence[Place], spec: ClipSpec) -> None:
    """Compare clips: prepared ones must be those of the pictures exactly, plain ones but for rounding.

    Pillow and torchvision shrink by the same antialiased triangles, and round in other places.

    Raises:
        ValueError: naming what differs, and where.
    """
    mean, std = (torch.tensor(v).view(3, 1, 1, 1) for v in (spec.mean, spec.std))
    for place in places:
        plain, ours, prepared = (clips[source][place] for source in SOURCES)
        for part in ("frames", "audio", "density"):
            if not torch.equal(ours[part], prepared[part]):
                raise ValueError(f"{part} of clip {place}: the prepared form differs from the pictures")
        levels = 255 * (plain["frames"] * std + mean)
        for part, mine, theirs, tolerance in (
            ("frames", ours["frames"].float(), levels, 1.01),
            ("audio", ours["audio"], plain["audio"], 1e-3),
            ("density", 255 * ours["density"], 255 * plain["density"], 1.01),
        ):
            apart = float((mine - theirs).abs().max()) if mine.shape == theirs.shape else float("inf")
            if not apart <= tolerance:
                raise ValueError(f"{part} of clip {place}: {apart:g} from the plain loader's, at most {tolerance:g}")


def loader(source: str, clips: Dataset[Any], places: Sequence[Place], batch: int, workers: int) -> DataLoader[Any]:
    """Batches of all clips; its processes stay."""
    return DataLoader(
        clips,
        sampler=list(places),
        batch_size=batch,
        num_workers=workers,
        collate_fn=None if source == "plain" else collate,
        persistent_workers=workers > 0,
    )


def clips_a_second(batches: DataLoader[Any], n_clips: int) -> float:
    """Of one pass."""
    began = time.perf_counter()
    found = sum(len(batch["frames"]) for batch in batches)
    took = time.perf_counter() - began
    assert found == n_clips
    return n_clips / took


def measure(
    clips: dict[str, Dataset[Any]], places: Sequence[Place], batch: int, workers: int, repeats: int
) -> dict[str, list[float]]:
    """Clips a second of every pass, by source; the sources take turns, so that other work on the machine hits all."""
    loaders = {source: loader(source, clips[source], places, batch, workers) for source in SOURCES}
    for batches in loaders.values():
        clips_a_second(batches, len(places))
    runs: dict[str, list[float]] = {source: [] for source in SOURCES}
    for _ in range(repeats):
        for source, batches in loaders.items():
            runs[source].append(clips_a_second(batches, len(places)))
    return runs


def speed_up(runs: dict[str, list[float]], source: str) -> float:
    """Over the plain loader: the median over the passes."""
    return statistics.median(ours / plain for ours, plain in zip(runs[source], runs["plain"], strict=True))


def table(measured: dict[int, dict[str, list[float]]]) -> str:
    """Markdown of clips a second by source and number of processes."""
    titles = " | ".join(f"{workers} processes" if workers else "in this process" for workers in measured)
    lines = [f"| clips a second | {titles} |", "| --- |" + " ---: |" * len(measured)]
    for source in SOURCES:
        texts = [f"{statistics.median(runs[source]):.3g} ({speed_up(runs, source):.3g}x)" for runs in measured.values()]
        lines.append(f"| {source} | {' | '.join(texts)} |")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the data, check, time, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--frame-size", type=size_of, default=(360, 640), metavar="HxW", help="of the pictures (default: 360x640)")
    add("--size", type=size_of, default=(224, 384), metavar="HxW", help="of the network (default: 224x384)")
    add("--videos", type=int, default=6, metavar="N", help="to make (default: %(default)s)")
    add("--clips", type=int, default=48, metavar="N", help="of a pass, spread over the videos (default: %(default)s)")
    add("--batch", type=int, default=4, metavar="N", help="clips of a batch (default: %(default)s)")
    add("--workers", type=int, nargs="+", default=[0, 2], metavar="N", help="processes that read (default: 0 2)")
    add("--repeats", type=int, default=5, metavar="N", help="passes of each measurement (default: %(default)s)")
    add("--folder", type=Path, metavar="DIR", help="where the temporary folder is made (default: the system's)")
    add("--json", type=Path, metavar="FILE", help="write all numbers here")
    options = parser.parse_args(arguments)
    for name in ("videos", "clips", "batch", "repeats"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} {getattr(options, name)}: expected at least 1")
    torch.set_num_threads(1)
    per_video = -(-options.clips // options.videos)
    places = [(i % options.videos, (i // options.videos + 1) * SEEN) for i in range(options.clips)]
    spec = ClipSpec(frames=SEEN, size=options.size, audio=Waveform(SEEN))
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        root, quiet = Path(folder), io.StringIO()
        names = [f"video{i}" for i in range(options.videos)]
        videos = [make_video(root, name, per_video * SEEN, options.frame_size, seed) for seed, name in enumerate(names)]
        with contextlib.redirect_stderr(quiet):
            prepare_videos(videos, options.size, Waveform(SEEN).sample_rate, Workers(1))
        assert all(is_prepared(video, options.size) for video in videos)
        from_pictures = [replace(video, prepared=None) for video in videos]
        clips: dict[str, Dataset[Any]] = {
            "plain": PlainClips(from_pictures, options.size, spec.mean, spec.std),
            "jpg": OurClips(from_pictures, spec),
            "prepared": OurClips(videos, spec),
        }
        try:
            check(clips, places[:: max(1, len(places) // 4)], spec)
        except ValueError as error:
            parser.exit(1, f"not timed, for the clips differ: {error}\n")
        pictures = [p.stat().st_size for p in root.glob("video_frames/*/*.jpg")]
        facts: dict[str, Any] = {"torch": torch.__version__, "processor": processor(), "cores": os.cpu_count()}
        height, width = options.frame_size
        facts |= {"frames": f"{height}x{width}", "size": "x".join(map(str, options.size))}
        facts |= {"kB of a jpg": round(statistics.mean(pictures) / 1000), "clips": options.clips}
        facts |= {"batch": options.batch, "repeats": options.repeats}
        print(", ".join(f"{key} {value}" for key, value in facts.items()) + "\n", flush=True)
        measured = {n: measure(clips, places, options.batch, n, options.repeats) for n in options.workers}
    print(table(measured), flush=True)
    if options.json:
        rows = [
            {
                "workers": workers,
                "source": source,
                "clips_a_second": runs[source],
                "median": statistics.median(runs[source]),
                "speed_up": speed_up(runs, source),
            }
            for workers, runs in measured.items()
            for source in SOURCES
        ]
        options.json.write_text(json.dumps({**facts, "measured": rows}, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Films made on the fly in the layout of STAViS, to be timed: pictures, an mp4, sound, maps and fixations.

Up to :data:`PICTURES` pictures are drawn; a longer film shows them again and again, by links to the same files.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile
from loader import texture
from metrics import blobs
from numpy.typing import NDArray
from PIL import Image
from scipy.io import savemat

from avsal_bench.data.dataset import Video, dataset
from avsal_bench.data.files.prepare import prepare_videos
from avsal_bench.data.places import VideoFile
from avsal_bench.data.synth.making import encode_mp4
from avsal_bench.data.synth.soundtrack import SAMPLE_RATE
from avsal_bench.spec import ClipSpec
from avsal_bench.workers import Workers

#: What the frames of a film are read from.
Source = Literal["jpg", "mp4", "prepared"]

#: The set whose layout and name the film has.
SET = "avad"
FPS, OBSERVERS = 25.0, 12
#: Distinct pictures of a film at most.
PICTURES = 64


def make_film(root: Path, frames: int, size: tuple[int, int], mp4: bool = False, seed: int = 0) -> Video:
    """A video of so many frames with its ground truth under a data root, as the only one of the first test list.

    Args:
        root: where the layout begins.
        frames: of the film.
        size: (height, width) of pictures, maps and fixation maps.
        mp4: whether to make the video file too.
        seed: of everything that is drawn.
    """
    rng = np.random.default_rng(seed)
    folder = dataset(SET).folder
    pictures = root / "video_frames" / folder / "film"
    truth = root / "annotations" / folder / "film"
    maps, sounds = truth / "maps", root / "video_audio" / folder / "film"
    for made in (pictures, maps, sounds, root / "fold_lists"):
        made.mkdir(parents=True, exist_ok=True)
    seen = []
    for n in range(1, min(frames, PICTURES) + 1):
        picture, density, fixated = _draw(rng, size, n, seen)
        seen.append(picture)
        Image.fromarray(picture).save(pictures / f"img_{n:05d}.jpg", quality=90)
        Image.fromarray(density).save(maps / f"eyeMap_{n:05d}.jpg", quality=90)
        savemat(truth / f"fixMap_{n:05d}.mat", {"eyeMap": fixated}, do_compression=True)
    for n in range(PICTURES + 1, frames + 1):
        first = (n - 1) % PICTURES + 1
        for place, name in ((pictures, "img_{:05d}.jpg"), (maps, "eyeMap_{:05d}.jpg"), (truth, "fixMap_{:05d}.mat")):
            os.link(place / name.format(first), place / name.format(n))
    sound, samples = _sound(rng), round(frames / FPS * SAMPLE_RATE)
    with soundfile.SoundFile(sounds / "film.wav", "w", SAMPLE_RATE, 1, "PCM_16") as wav:
        for start in range(0, samples, len(sound)):
            wav.write(sound[: samples - start])
    if mp4:
        film = [seen[n % len(seen)] for n in range(frames)]
        (root / "film.mp4").write_bytes(encode_mp4(film, np.resize(sound, samples), FPS))
    listed = root / "fold_lists" / f"{folder}_list_test_1_fps.txt"
    listed.write_text(f"film {frames} {FPS:g}\n", encoding="utf-8")
    (video,) = dataset(SET).videos(root, "test", 1)
    return video


def read_from(video: Video, root: Path, source: Source, spec: ClipSpec) -> Video:
    """The film of :func:`make_film`, read from its pictures, its video file, or the prepared form, made if need be."""
    if source == "mp4":
        return replace(video, frames=VideoFile(root / "film.mp4"), prepared=None)
    if source == "jpg":
        return replace(video, prepared=None)
    prepare_videos([video], spec.size, spec.audio.sample_rate if spec.audio is not None else None, Workers(1))
    return video


def _draw(
    rng: np.random.Generator, size: tuple[int, int], n: int, before: list[NDArray[np.uint8]]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Picture, density and fixation map of a frame: a view that pans over a texture, and a thing that moves over it."""
    height, width = size
    ground = before[0] if before else texture(rng, size).astype(np.uint8)
    picture = np.roll(ground, (n, 2 * n), (0, 1)) if before else ground.copy()
    place = np.array([0.5 + 0.3 * np.sin(n / 9), 0.5 + 0.3 * np.cos(n / 13)])
    y, x = (place * size).astype(int)
    picture[y - height // 12 : y + height // 12, x - width // 12 : x + width // 12] = (240, 90, 40)
    looked = np.clip(place + rng.normal(0, 0.04, (OBSERVERS, 2)), 0, 0.999)
    fixated = np.zeros(size, np.uint8)
    fixated[tuple((looked * size).astype(int).T)] = 1
    return picture, blobs(size, looked[:4]), fixated


def _sound(rng: np.random.Generator, seconds: float = 10.0) -> NDArray[np.float32]:
    """A tone that swells, in noise; a longer film hears it again and again."""
    times = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    tone = 0.2 * np.sin(2 * np.pi * 440 * times) * np.sin(2 * np.pi * 0.7 * times)
    return np.asarray(tone + rng.normal(0, 0.02, len(times)), np.float32)

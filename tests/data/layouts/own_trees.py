"""Small trees of files as labs have them, for sets that are described by a ``dataset.yaml``."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import soundfile
from PIL import Image

SIZE = (24, 32)


def save(path: Path, pixels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def picture(seed: int):
    """A frame in colours; neighbours look alike."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    return np.stack([rows * 5, columns * 4, np.full(SIZE, 60 + seed % 20)], -1).astype(np.uint8)


def density(seed: int):
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    y, x = 4 + seed % 15, 5 + seed % 20
    return (255 * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 20)).astype(np.uint8)


def fixations(seed: int):
    pixels = np.zeros(SIZE, dtype=np.uint8)
    pixels[4 + seed % 15, 5 + seed % 20] = pixels[2, 3] = 255
    return pixels


DRAWN = {"frames": picture, "maps": density, "fixations": fixations}


def write_frames(root: Path, patterns: dict[str, str], names: dict[str, int], first: int = 0) -> Path:
    """Pictures of parts by their patterns, such as ``maps/{name}/{frame:04d}.png``, ``names`` with their frames."""
    for part, pattern in patterns.items():
        for k, (name, count) in enumerate(names.items()):
            for n in range(count):
                save(root / pattern.format(name=name, frame=n + first), DRAWN[part](n + 3 * k))
    return root


def film(path: Path, frames: int, rate: int, tone: bool = False) -> None:
    """A video file, with a tone if it is asked for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = SIZE[1], SIZE[0], "yuv420p"
        sound = container.add_stream("pcm_s16le", rate=16000, layout="mono") if tone else None
        for n in range(frames):
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture(n), "rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
        if sound is not None:
            wave = (3000 * np.sin(np.arange(16000 * frames // rate) / 8)).astype(np.int16)[None]
            heard = av.AudioFrame.from_ndarray(wave, "s16", "mono")
            heard.sample_rate = 16000
            for packet in (*sound.encode(heard), *sound.encode()):
                container.mux(packet)


def wav(path: Path, seconds: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.1 * np.sin(np.arange(round(8000 * seconds)) / 5), 8000)


#: A lab's tree: numbers from 0, three digits, fixation maps in a folder of their own.
LAB = {
    "frames": "pictures/{name}/f{frame:03d}.png",
    "maps": "heat/{name}/{frame:03d}.png",
    "fixations": "points/{name}/{frame:03d}.png",
}
CLIPS = {"a": 4, "b 2": 5, "été": 3, "d": 4, "e": 6, "f": 4}
TEXT = """\
name: lab
title: Six clips of a lab
layout: stavis
files:
  frames: pictures/{name}/f{frame:03}.png
  maps: heat/{name}/{frame:03}.png
  fixations: points/{name}/{frame:03}.png
first: 0
fps: 25
split:
  fraction: 0.34
  seed: 1
viewers: 12
licence: CC BY 4.0
citation: Somebody 2025
"""


def write_lab(root: Path, text: str = TEXT, names: dict[str, int] | None = None) -> Path:
    write_frames(root, LAB, CLIPS if names is None else names)
    describe(root, text)
    return root


def describe(root: Path, text: str) -> Path:
    path = root / "dataset.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path

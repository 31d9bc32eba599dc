"""Draw docs/overview.png: where people looked in a synthetic video, and what a network predicts, muted and not.

First make the maps, with the network of ``avsal bench avrsp`` (the training that finished last)::

    avsal predict data/synth/video_files/synth/timbre_22.mp4 -o maps/heard --form npy --native
    avsal predict data/synth/video_files/synth/timbre_22.mp4 -o maps/muted --form npy --native --muted
    python docs/draw_overview.py data/synth maps/heard maps/muted
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from PIL import Image

from avsal_bench.data.gaze.samples import read_gaze

VIDEO, FRAMES, SIZE = "timbre_22", (8, 16, 24, 32, 40, 48), (96, 144)
ROWS = ("where people looked", "their density", "AVRSP, with sound", "AVRSP, muted")


def overlay(frame: np.ndarray, density: np.ndarray) -> np.ndarray:
    """A grey frame with a map over it in colour."""
    scaled = np.asarray(Image.fromarray(density.astype(np.float32)).resize(SIZE[::-1], Image.Resampling.BILINEAR))
    scaled = np.clip(scaled / scaled.max(), 0, 1)
    grey = np.repeat(frame.mean(axis=2, keepdims=True), 3, axis=2) / 255
    colour = mpl.colormaps["inferno"](scaled)[..., :3]
    weight = np.sqrt(scaled)[..., None]
    return (1 - weight) * grey + weight * colour


def main(root: Path, heard: Path, muted: Path) -> None:
    """Draw the picture from the set below ``root`` and two folders of maps."""
    notes = root / "annotations" / "synth" / VIDEO
    gaze = read_gaze(notes / "observers.csv", 52, SIZE)
    plt.rcParams["font.size"] = 9
    figure, axes = plt.subplots(len(ROWS), len(FRAMES), figsize=(9.6, 4.1), dpi=110)
    for column, k in enumerate(FRAMES):
        frame = np.asarray(Image.open(root / "video_frames" / "synth" / VIDEO / f"img_{k:05d}.jpg"))
        density = np.asarray(Image.open(notes / "maps" / f"eyeMap_{k:05d}.jpg").convert("L"))
        maps = (density, *(np.load(folder / f"{k:05d}.npy") for folder in (heard, muted)))
        axes[0, column].imshow(frame)
        points = np.asarray(gaze.points(k))
        axes[0, column].plot(points[:, 0] - 0.5, points[:, 1] - 0.5, "o", ms=3, mfc="white", mec="black", mew=0.5)
        axes[0, column].set_title(f"{(k - 1) / 10:.1f} s", fontsize=9)
        for row, one in enumerate(maps, start=1):
            axes[row, column].imshow(overlay(frame, one))
    for row, words in enumerate(ROWS):
        axes[row, 0].set_ylabel(
            words.replace(", ", ",\n").replace("people ", "people\n"), rotation=0, ha="right", va="center"
        )
    for one in axes.flat:
        one.set(xticks=[], yticks=[], xlim=(-0.5, SIZE[1] - 0.5), ylim=(SIZE[0] - 0.5, -0.5))
        one.spines[:].set_visible(False)
    figure.subplots_adjust(left=0.12, right=0.995, top=0.94, bottom=0.01, wspace=0.03, hspace=0.04)
    out = Path(__file__).parent / "overview.png"
    figure.savefig(out)
    with Image.open(out) as picture:
        picture.convert("RGB").quantize(256, method=Image.Quantize.MEDIANCUT).save(out, optimize=True)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))

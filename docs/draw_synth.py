"""Draw docs/synth.png, one row for each kind of scene: ``python docs/draw_synth.py [docs/synth.png]``."""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import Circle
from numpy.typing import NDArray

from avsal_bench.data.synth.making import draw_video, plan_videos
from avsal_bench.data.synth.scenes import Array, Scene, density_map, render
from avsal_bench.data.synth.soundtrack import SAMPLE_RATE

#: Videos and the frames shown. In frame 25 of the first, the sound has just moved on and gaze has not.
ROWS = {
    "timbre_01": (9, 19, 29, 39),
    "pulse_02": (9, 19, 29, 39),
    "offscreen_07": (9, 19, 29, 39),
    "silent_05": (9, 19, 29, 39),
}


def draw_frame(axes: Axes, scene: Scene, gaze: Array, k: int) -> None:
    """A frame with a dot for each observer, and a ring round what sounds."""
    axes.imshow(render(scene, k), extent=(0, 144, 96, 0))
    axes.plot(*gaze[:, k].T, "o", markersize=2.5, color="white", markeredgecolor="black", markeredgewidth=0.4)
    if scene.sounding[k] >= 0:
        x, y = scene.things[scene.sounding[k]].path[k]
        axes.add_patch(Circle((x, y), 17, fill=False, color="magenta", linewidth=1.5))
    _trim(axes, f"{k / scene.fps:.1f} s")


def draw_density(axes: Axes, scene: Scene, gaze: Array, k: int) -> None:
    """The density over a grey frame."""
    axes.imshow(render(scene, k).mean(axis=-1), extent=(0, 144, 96, 0), cmap="gray", vmin=0, vmax=255)
    density = density_map(gaze[:, k]) / 255
    axes.imshow(density, extent=(0, 144, 96, 0), cmap="hot", alpha=np.sqrt(density))
    _trim(axes, f"density at {k / scene.fps:.1f} s")


def _trim(axes: Axes, title: str) -> None:
    axes.set(xticks=[], yticks=[], xlim=(0, 144), ylim=(96, 0))
    axes.set_title(title, fontsize=8, pad=2)


def draw_sound(axes: Axes, scene: Scene, sound: NDArray[np.float32], shown: tuple[int, ...]) -> None:
    """Spectrogram in decibels, the times of the frames, and over it whose sound is heard."""
    quiet = sound + 1e-6 * np.random.default_rng(0).standard_normal(len(sound))
    axes.specgram(quiet, NFFT=512, noverlap=256, Fs=SAMPLE_RATE, vmin=-110, vmax=-40, cmap="magma")
    for k in shown:
        axes.axvline(k / scene.fps, color="white", linewidth=0.6, linestyle=":")
    for k, thing in enumerate(scene.sounding):
        if thing >= 0:
            colour = scene.things[thing].colour / 255
            axes.axvspan(k / scene.fps, (k + 1) / scene.fps, ymin=0.93, color=colour, linewidth=0)
    axes.set(ylim=(0, 7000), xlim=(0, scene.seconds), yticks=[0, 2000, 4000, 6000])
    axes.set_yticklabels(["0", "2", "4", "6 kHz"])
    axes.tick_params(labelsize=7)
    axes.set_xlabel("s", fontsize=7, labelpad=0)


def draw(path: Path) -> None:
    """Write the picture."""
    mpl.use("Agg")
    figure, grid = plt.subplots(len(ROWS), 6, figsize=(14, 6.6), width_ratios=[1] * 5 + [1.5], layout="constrained")
    plans = {plan.name: plan for plan in plan_videos()}
    for (name, shown), row in zip(ROWS.items(), grid, strict=True):
        scene, sound, gaze = draw_video(0, plans[name])
        for axes, k in zip(row, shown, strict=False):
            draw_frame(axes, scene, gaze, k)
        draw_density(row[4], scene, gaze, shown[-1])
        draw_sound(row[5], scene, sound, shown)
        row[0].set_ylabel(scene.category, fontsize=11)
    figure.savefig(path, dpi=80, pil_kwargs={"optimize": True})


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("synth.png"))

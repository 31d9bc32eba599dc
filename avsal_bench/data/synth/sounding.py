"""Where in the picture the thing is that sounds, for sets that know it: ``synth`` does, as it knows its causes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avsal_bench.data.dataset import Video
from avsal_bench.data.synth.making import MARKER, NAME, draw_video, plan_videos, synth_is_complete
from avsal_bench.data.synth.scenes import HEIGHT, NOBODY, WIDTH, Scene
from avsal_bench.text import many

#: Sets that say where the sounding thing is.
GIVEN = (NAME,)


def sounding_regions(video: Video, root: Path) -> NDArray[np.bool_]:
    """The box around the thing that sounds, in each frame of a video: ``(n_frames, H, W)``, empty where none is seen.

    A box, as people draw it who mark the source of a sound; that of ``synth`` is twice the thing's radius wide.

    Args:
        video: of a set of :data:`GIVEN`.
        root: of its data set.

    Raises:
        ValueError: for a set that does not say where the sounding thing is, or a video that its maker does not know.
        FileNotFoundError: when the set is not there, or one of another version is.
    """
    if video.dataset not in GIVEN:
        raise ValueError(f"{video.dataset} does not say where the sounding thing is; {', '.join(GIVEN)} does")
    marker = root / MARKER
    if not synth_is_complete(root):
        raise FileNotFoundError(f"no {marker} of this version of the set; make it with `avsal synth`")
    made = json.loads(marker.read_text(encoding="utf-8"))
    plans = {plan.name: plan for plan in plan_videos(made["seed"], made["videos"])}
    plan = plans.get(video.name)
    if plan is None or plan.frames != video.n_frames:
        raise ValueError(f"{video.key}, {many(video.n_frames, 'frame')}: not a video of the set that {marker} tells of")
    return _boxes(draw_video(made["seed"], plan)[0])


def _boxes(scene: Scene) -> NDArray[np.bool_]:
    """``(T, HEIGHT, WIDTH)``, True in pixels whose centre is in the box of the thing that sounds."""
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    boxes = np.zeros((scene.frames, HEIGHT, WIDTH), dtype=np.bool_)
    for k, sounding in enumerate(scene.sounding):
        if sounding != NOBODY:
            thing = scene.things[sounding]
            (across, down), radius = thing.path[k], thing.radius[k]
            boxes[k] = (abs(x - across) <= radius) & (abs(y - down) <= radius)
    return boxes

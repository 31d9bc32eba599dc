"""Stands for another laboratory's code, which leaves a folder of maps: `python other_maps.py lab my_maps`.

Brighter pixels than the frame before are salient.
"""

import sys
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageFilter

lab, maps = map(Path, sys.argv[1:3])
for film in sorted((lab / "videos").glob("*.mp4")):
    (maps / film.stem).mkdir(parents=True, exist_ok=True)
    with av.open(str(film)) as video:
        before = None
        for number, frame in enumerate(video.decode(video=0), 1):
            grey = frame.to_ndarray(format="gray").astype(float)
            moved = np.abs(grey - (grey if before is None else before)) + 0.02 * grey
            before = grey
            picture = Image.fromarray((255 * moved / max(moved.max(), 1)).astype(np.uint8))
            picture.filter(ImageFilter.GaussianBlur(6)).save(maps / film.stem / f"{number:04d}.png")

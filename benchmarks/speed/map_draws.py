"""Time a map of a film at random, as training clips ask for it, and the scores of one frame under `crowdsal`.

All on one thread, on a generated film of full HD, in CPU milliseconds: the least of three turns.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from map_films import FLOAT_EPS, _plain_scores, make_set
from PIL import Image

from avsal_bench.data.dataset import dataset
from avsal_bench.data.files import truth_files
from avsal_bench.data.files.prepare import prepare_videos
from avsal_bench.data.places import NumberedFiles
from avsal_bench.evaluation.protocol import protocol
from avsal_bench.evaluation.score import score_frames
from avsal_bench.workers import Workers

#: Of the frames that a network takes.
SIZE = (224, 384)
#: Draws from the film, and of what is quicker.
FEW, MANY = 8, 100


def least(run: Callable[[], object], times: int) -> float:
    """CPU milliseconds of a call: of three turns of some calls the least."""
    turns = []
    for _ in range(3):
        began = time.process_time()
        for _ in range(times):
            run()
        turns.append((time.process_time() - began) / times * 1000)
    return min(turns)


def main() -> int:
    """Print a line a figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--size", default="1080x1920", help="height x width (default: %(default)s)")
    args = parser.parse_args()
    torch.set_num_threads(1)
    height, width = (int(side) for side in args.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make_set(root, args.frames, (height, width))
        (video,) = dataset("crowdsal").videos(root, "test", 1)
        pictures = root / "pictures"
        pictures.mkdir()
        for n in range(1, args.frames + 1):
            levels = (truth_files.density_levels(video, n).int() >> 8).to(torch.uint8)
            Image.fromarray(levels.numpy()).save(pictures / f"{n:05d}.png")
        as_png = replace(video, densities=NumberedFiles(pictures, "", 5, ".png"))
        draw = np.random.default_rng(0)
        for name, one, times in (("film", video, FEW), ("PNG", as_png, FEW), ("prepared", video, MANY)):
            if name == "prepared":
                with Workers(0) as workers:
                    prepare_videos([video], SIZE, None, workers)
            took = least(lambda one=one: truth_files.density(one, int(draw.integers(1, args.frames + 1)), SIZE), times)
            print(f"a map at random, {name}: {took:.2f} ms")
        points = truth_files.points(video, 1)
        density, mask = truth_files.density_levels(video, 1)[None], truth_files.fixations(video, 1)[None]
        predicted = (truth_files.density_levels(video, 2).int() >> 8).to(torch.uint8)[None]
        for rules in ("crowdsal", "raw"):
            given = (predicted, density, mask, mask.flip(1), protocol(rules))
            took = least(lambda given=given: score_frames(*given, points=[points]), 3)
            print(f"scores of a frame, {rules}: {took:.0f} ms")
        greys = [np.repeat(maps.numpy()[0][..., None], 3, 2) for maps in (predicted, density)]

        def plainly() -> object:
            maps = [grey.mean(-1) for grey in greys]
            return _plain_scores(*((m - m.min()) / (m.max() - m.min() + FLOAT_EPS) for m in maps), points.numpy())

        print(f"scores of a frame, CC, SIM, NSS and AUC-J in plain NumPy: {least(plainly, 1):.0f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())

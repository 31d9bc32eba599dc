"""Time `avsal evaluate`, reading included, on a made-up data set in the real layout."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat

EXAMPLES = """examples:
  python benchmarks/speed/evaluate.py                                1000 frames of 240x320, maps of 112x112
  python benchmarks/speed/evaluate.py --size 480x640 --frames 400 --workers 1

The time is that of the whole command: start, a look at every map, reading of maps and ground truth, all six metrics,
the record and the leaderboard page."""

#: Videos of the set, so that several processes have work.
VIDEOS = 8


def make_data(root: Path, frames: int, size: tuple[int, int], seed: int = 0) -> None:
    """A set under the name of AVAD, one test list, and predictions of 112x112 in ``<root>/maps``."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: size[0], : size[1]]
    (root / "video_frames" / "AVAD").mkdir(parents=True)
    lines = []
    for i in range(VIDEOS):
        name, n_frames = f"video{i}", frames // VIDEOS + (i < frames % VIDEOS)
        truth, maps = root / "annotations" / "AVAD" / name, root / "maps" / name
        (truth / "maps").mkdir(parents=True)
        maps.mkdir(parents=True)
        for n in range(1, n_frames + 1):
            y, x = rng.uniform(0.2, 0.8, 2) * size
            density = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (0.1 * size[0]) ** 2)
            saved = Image.fromarray((255 * density).astype(np.uint8))
            saved.save(truth / "maps" / f"eyeMap_{n:05d}.jpg")
            fixated = np.zeros(size, np.uint8)
            fixated[rng.integers(0, size[0], 40), rng.integers(0, size[1], 40)] = 1
            savemat(truth / f"fixMap_{n:05d}.mat", {"eyeMap": fixated})
            saved.resize((112, 112)).save(maps / f"{n:05d}.jpg")
        lines.append(f"{name} {n_frames} 25\n")
    (root / "fold_lists").mkdir()
    (root / "fold_lists" / "AVAD_list_test_1_fps.txt").write_text("".join(lines), encoding="utf-8")
    (root / "leaderboard").mkdir()
    published = Path(__file__).parents[2] / "leaderboard" / "published.csv"
    (root / "leaderboard" / "published.csv").write_bytes(published.read_bytes())


def seconds(root: Path, workers: int) -> float:
    """Wall time of the command."""
    command = [sys.executable, "-m", "avsal_bench.cli", "evaluate", "--dataset", "AVAD", "--pred", str(root / "maps")]
    folders = ["--data-root", str(root), "--runs", str(root / "runs"), "--leaderboard", str(root / "leaderboard")]
    start = time.perf_counter()
    subprocess.run([*command, *folders, "--workers", str(workers)], check=True, capture_output=True)
    return time.perf_counter() - start


def main(words: list[str] | None = None) -> float:
    """Make the set in a temporary folder, time the command, and print the time."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=1000, help="in all (default: %(default)s)")
    parser.add_argument("--size", default="240x320", help="height and width of the ground truth (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="processes (default: %(default)s)")
    args = parser.parse_args(words)
    height, width = (int(n) for n in args.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        make_data(Path(folder), args.frames, (height, width))
        took = seconds(Path(folder), args.workers)
    print(f"{args.frames} frames of {args.size}, {args.workers} processes: {took:.1f} s")
    return took


if __name__ == "__main__":
    main()

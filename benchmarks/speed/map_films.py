"""Time `avsal evaluate` on a film of predictions and one of ground truth, against the plain way: extract, then score.

Both run in this process, on one thread, on the same generated films of full HD, and their scores are compared.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import av
import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch.nn import functional as F

from avsal_bench.bench.evaluate import Submission, evaluate
from avsal_bench.bench.workspace import Workspace
from avsal_bench.evaluation.map_films import FilmWriter
from avsal_bench.evaluation.protocol import protocol
from avsal_bench.records import read_record
from avsal_bench.workers import Workers

EXAMPLES = """examples:
  python benchmarks/speed/map_films.py                      1000 frames of 1080x1920; some ten minutes
  python benchmarks/speed/map_films.py --frames 50

The set is one test video in the layout of CrowdSAL: maps of 10 bits, 270 points a frame. The predictions are a film of
8 bits at the same size. The plain way writes a PNG a frame of both with ffmpeg's encoder, as `ffmpeg -i film %03d.png`
does (three channels, of 8 and of 16 bits), reads them again, and computes CC, SIM, NSS and AUC-J in numpy as the
challenges' script does, but counts the pixels above all thresholds by one sort. Ours is the whole of
`avsal evaluate --protocol crowdsal`: the look at the film, SHA-256, decoding, scores, the record. Seconds are those of
the processor, of all threads of the process."""

#: Points of a frame, the sigma of a map in pixels, and the width of the frame that it is of.
POINTS, SIGMA, WIDTH = 270, 57.6, 1920
#: By how much predictions are off, in pixels.
SHIFT = np.array([12, -20])
#: Points are blurred at an eighth of the size.
SHRUNK = 8
#: Epsilons of the challenges' script.
FLOAT_EPS, EPS = float(np.finfo(np.float32).eps), 1e-7


def make_set(root: Path, frames: int, size: tuple[int, int], seed: int = 0) -> None:
    """A tree of CrowdSAL with one test video, and predictions in ``<root>/maps``."""
    rng = np.random.default_rng(seed)
    folder = root / "CrowdSAL" / "Test"
    (folder / "Fixations").mkdir(parents=True)
    (root / "CrowdSAL" / "Train" / "Videos").mkdir(parents=True)
    _write_video(folder / "Videos" / "3001.mp4", frames, size)
    listed = []
    truth, predicted = FilmWriter(folder / "Saliency" / "3001.mp4", 30), FilmWriter(root / "maps" / "3001.mp4", 30, 8)
    with truth, predicted:
        for n in range(frames):
            centres = np.array([[0.5 + 0.2 * np.sin(n / 40), 0.5 + 0.3 * np.cos(n / 55)], [0.4, 0.6]]) * size
            points = centres[rng.integers(0, 2, POINTS)] + rng.normal(0, 0.06 * size[0], (POINTS, 2))
            points = points.round().astype(int).clip(0, np.array(size) - 1)
            listed.append(points.tolist())
            truth.add(_blurred(points, size))
            predicted.add(_blurred(points[::5] + SHIFT, size))
    (folder / "Fixations" / "3001.json").write_text(json.dumps(listed), encoding="utf-8")


def _write_video(path: Path, frames: int, size: tuple[int, int]) -> None:
    """A video in which nothing moves: only its header is read."""
    path.parent.mkdir(parents=True)
    with av.open(str(path), "w") as video:
        stream = video.add_stream("libx264", rate=30, options={"preset": "ultrafast"})
        stream.height, stream.width = size
        for _ in range(frames):
            video.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((*size, 3), 99, np.uint8), format="rgb24")))
        video.mux(stream.encode(None))


def _blurred(points: np.ndarray, size: tuple[int, int]) -> torch.Tensor:
    small = np.zeros((size[0] // SHRUNK + 1, size[1] // SHRUNK + 1))
    np.add.at(small, tuple((points.clip(0, np.array(size) - 1) // SHRUNK).T), 1.0)
    blurred = torch.from_numpy(gaussian_filter(small, SIGMA * size[1] / WIDTH / SHRUNK)).float()
    return F.interpolate(blurred[None, None], size, mode="bilinear", align_corners=False)[0]


def plain_way(root: Path, pictures: Path) -> dict[str, float]:
    """Extract both films to PNG, read them, and score them in numpy; the mean of each metric over the frames."""
    folder = root / "CrowdSAL" / "Test"
    _extract(root / "maps" / "3001.mp4", pictures / "predicted", "rgb24")
    _extract(folder / "Saliency" / "3001.mp4", pictures / "truth", "rgb48be")
    fixations = json.loads((folder / "Fixations" / "3001.json").read_text(encoding="utf-8"))
    scores = []
    for n, points in enumerate(fixations, 1):
        maps = []
        for name in ("predicted", "truth"):
            with av.open(str(pictures / name / f"{n:03d}.png")) as opened:
                picture = next(opened.decode(video=0))
            grey = picture.to_ndarray(format="rgb48le" if name == "truth" else "rgb24").mean(-1)
            maps.append((grey - grey.min()) / (grey.max() - grey.min() + FLOAT_EPS))
        scores.append(_plain_scores(*maps, np.array(points)))
    return dict(zip(("CC", "SIM", "NSS", "AUC-J"), np.mean(scores, 0).tolist(), strict=True))


def _extract(film: Path, folder: Path, pixels: str) -> None:
    """Write the pictures of a film as PNG, as ffmpeg does."""
    folder.mkdir()
    with av.open(str(film)) as source, av.open(str(folder / "%03d.png"), "w", format="image2") as target:
        source.streams.video[0].codec_context.thread_count = 1
        written = None
        for n, frame in enumerate(source.decode(video=0)):
            if written is None:
                written = target.add_stream("png", rate=30)
                written.width, written.height, written.pix_fmt = frame.width, frame.height, pixels
                written.codec_context.thread_count = 1
            picture = frame.reformat(format=pixels)
            picture.pts = n
            target.mux(written.encode(picture))
        target.mux(written.encode(None))


def _plain_scores(predicted: np.ndarray, truth: np.ndarray, points: np.ndarray) -> tuple[float, float, float, float]:
    a, b = ((m - m.mean()) / (m.std() + EPS) for m in (predicted, truth))
    cc = (a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum() + EPS)
    sim = np.minimum(predicted / (predicted.sum() + EPS), truth / (truth.sum() + EPS)).sum()
    nss = a[points[:, 0], points[:, 1]].mean()
    thresholds = np.sort(predicted[points[:, 0], points[:, 1]])[::-1]
    above = predicted.size - np.searchsorted(np.sort(predicted, axis=None), thresholds, side="left")
    hits = np.arange(1, len(points) + 1)
    false = (above - hits) / (predicted.size - 2)
    auc = np.trapezoid(np.r_[0, hits / len(points), 1], np.r_[0, false, 1])
    return float(cc), float(sim), float(nss), float(auc)


def our_way(root: Path) -> dict[str, float]:
    """`avsal evaluate`, without its page; the score of each metric."""
    space = Workspace(root, root, root / "synth", root / "runs", root / "leaderboard")
    submission = Submission(root / "maps", "mine", "crowdsal", 1)
    return dict(read_record(evaluate(submission, protocol("crowdsal"), space, Workers(0), force=True)).scores)


def main() -> int:
    """Time both, and compare their scores."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--size", default="1080x1920", help="height x width (default: %(default)s)")
    args = parser.parse_args()
    torch.set_num_threads(1)
    height, width = (int(side) for side in args.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        root, pictures = Path(folder) / "data", Path(folder) / "pictures"
        pictures.mkdir()
        make_set(root, args.frames, (height, width))
        took, scores = {}, {}
        for name, run in (("plain", lambda: plain_way(root, pictures)), ("avsal", lambda: our_way(root))):
            began = time.process_time()
            scores[name] = run()
            took[name] = time.process_time() - began
            told = ", ".join(
                f"{metric} {scores[name][metric]:.6f}" for metric in scores["plain"] if metric in scores[name]
            )
            print(f"{name}: {took[name]:.1f} s, {took[name] / args.frames * 1000:.1f} ms a frame; {told}", flush=True)
        taken = sum(file.stat().st_size for file in pictures.rglob("*.png"))
        print(f"{took['plain'] / took['avsal']:.1f} times as fast, without {taken / 1e9:.2f} GB of pictures")
    return 0


if __name__ == "__main__":
    sys.exit(main())

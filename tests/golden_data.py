"""The golden videos and scores of ``tests/golden``, in memory and on the disk."""

import csv
import math
import zlib
from pathlib import Path

import numpy as np
import torch
from conftest import write_list
from PIL import Image
from scipy.io import savemat

from avsal_bench.records import METRICS

GOLDEN = Path(__file__).parent / "golden"
VIDEOS = ["v1", "v2", "v3"]
#: Test lists of the three splits.
SPLITS = (["v1", "v2"], ["v3"], ["v1"])
N_FRAMES = 30


def undelta(array):
    """Maps from their differences along rows and columns, as they are stored."""
    return array.cumsum(-2, dtype=np.uint8).cumsum(-1, dtype=np.uint8)


def read(name):
    """Arrays of a video: ``pred``, ``frames`` (numbers of the predictions), ``gt``, and ``fix`` as ``(n, H, W)``."""
    data = np.load(GOLDEN / f"video_{name}.npz")
    densities = undelta(data["gt"])
    points = data["fix"].astype(int)
    fixations = np.zeros(densities.shape, bool)
    fixations[points[:, 0] - 1, points[:, 1], points[:, 2]] = True
    return undelta(data["pred"]), data["frames"].astype(int), densities, fixations


def golden_video(name):
    """Frame numbers, and maps, densities, fixations and negatives of the frames that have a prediction."""
    maps, numbers, densities, fixations = read(name)
    maps, numbers = maps[numbers <= N_FRAMES], numbers[numbers <= N_FRAMES]
    shown = fixations[numbers - 1]
    arrays = maps, densities[numbers - 1], shown, fixations.any(0) & ~shown
    return [str(n) for n in numbers], tuple(torch.from_numpy(array) for array in arrays)


def golden_scores(name, postprocess):
    """Scores of each frame and of means; NaN where the code has NaN or rounding noise."""
    with (GOLDEN / "video.csv").open() as file:
        rows = [r for r in csv.DictReader(file) if (r["video"], r["postprocess"]) == (name, str(int(postprocess)))]
    return {r["frame"]: {m: math.nan if r[m] in ("", "illcond") else float(r[m]) for m in METRICS} for r in rows}


def golden_mean(name, postprocess, row="mean"):
    """Means without the frame that is rounding noise in some metrics; AUC-J and KL of that frame are sound."""
    means = golden_scores(name, postprocess)
    return means[f"{row}_wellcond"] | {m: means[row][m] for m in ("AUC-J", "KL")}


def write_golden(root):
    """The golden videos as AVAD, and their predictions in ``<root>/maps``."""
    (root / "video_frames" / "AVAD").mkdir(parents=True)
    for name in VIDEOS:
        maps, numbers, densities, fixations = read(name)
        folder, predicted = root / "annotations" / "AVAD" / name, root / "maps" / name
        (folder / "maps").mkdir(parents=True)
        predicted.mkdir(parents=True)
        for n, (density, fixated) in enumerate(zip(densities, fixations, strict=True), start=1):
            # Without loss: a PNG under the name that the layout has.
            Image.fromarray(density).save(folder / "maps" / f"eyeMap_{n:05d}.jpg", format="png")
            savemat(folder / f"fixMap_{n:05d}.mat", {"eyeMap": fixated.astype(np.uint8)})
        for n, saliency in zip(numbers, maps, strict=True):
            Image.fromarray(saliency).save(predicted / f"pred_sal_{n:06d}.png")
    for k, names in enumerate(SPLITS, start=1):
        write_list(root, "AVAD", "test", f"_{k}", "".join(f"{name} {N_FRAMES} 25\n" for name in names))
    return root


#: What the front ends of the authors' code give, see ``audio/test_audio.py``.
AUDIO = dict(np.load(GOLDEN / "audio.npz"))


def noise(name, n, scale):
    """The float32 noise that the authors' code was given."""
    rng = np.random.default_rng(zlib.crc32(f"input:{name}:1".encode()))
    return scale * torch.from_numpy(rng.normal(0, 1, (1, n)).astype(np.float32))[0]


def spread(array):
    flat = array.ravel()
    return flat[[i * flat.size // 64 for i in range(64)]]

"""Small trees of Hollywood-2 and UCF Sports, in their layouts, with what is odd about the real ones."""

import numpy as np
from PIL import Image
from scipy.io import savemat

SIZE = (24, 36)
#: Shots of Hollywood-2, numbers of video and shot, and frames: a number lacks, a video starts at 2, one has shot 10.
SHOTS = {
    "train": {(1, 2): 4, (1, 3): 1, (2, 1): 5, (2, 2): 3, (2, 10): 4, (14, 1): 6, (748, 1): 4},
    "test": {(1, 1): 3, (1, 2): 5, (2, 1): 4},
}
#: Videos of UCF Sports and their frames.
CLIPS = {
    "train": {"Diving-Side-005": 6, "Diving-Side-007": 5, "Golf-Swing-Front-002": 8, "Walk-Front-008": 7},
    "test": {"Diving-Side-001": 12, "Golf-Swing-Back-001": 5},
}
PARTS = {"train": "training", "test": "testing"}


def blob(y, x, size=SIZE):
    """A frame, its saliency map, and its fixations: touching samples around a place."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    near = (rows - y) ** 2 + (columns - x) ** 2
    frame = np.where(near[..., None] < 9, 230, np.random.default_rng(y * 100 + x).integers(0, 90, (*size, 3)))
    return frame.astype(np.uint8), (255 * np.exp(-near / 30)).astype(np.uint8), (near <= 4).astype(np.uint8)


def write_frame(folder, stem, n, suffix=".png", mats=True, pngs=True):
    """Image, map and fixations of a frame."""
    frame, density, fixated = blob(6 + n % 12, 8 + (2 * n) % 20)
    for name in ("images", "maps", "fixation/maps"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    Image.fromarray(frame).save(folder / "images" / f"{stem}{suffix}")
    Image.fromarray(density).save(folder / "maps" / f"{stem}{suffix}")
    if pngs:
        Image.fromarray(fixated * np.uint8(255)).save(folder / "fixation" / f"{stem}.png")
    if mats:
        savemat(folder / "fixation" / "maps" / f"{stem}.mat", {"I": fixated}, do_compression=True)


def write_hollywood2(root, shots=SHOTS, folder="Hollywood2_actions", mats=False, pngs=True):
    """Hollywood-2; the frame number goes on through a video, and three frames are missing at each cut."""
    for part, of_part in shots.items():
        following = {}
        for (video, shot), count in of_part.items():
            first = following.get(video, 3)
            following[video] = first + count + 3
            stem = f"actionclip{part}{video:05d}"
            for n in range(first, first + count):
                write_frame(root / folder / PARTS[part] / f"{stem}_{shot}", f"{stem}_{n:05d}", n, mats=mats, pngs=pngs)
    empty = root / folder / PARTS["train"] / "actioncliptrain00001_1" / "images"  # of no frame
    empty.mkdir(parents=True, exist_ok=True)


def write_ucf(root, clips=CLIPS, folder="ucf-002"):
    """UCF Sports; of a video with more than ten frames number 11 is a JPEG, in the place of the PNG."""
    for part, of_part in clips.items():
        for name, count in of_part.items():
            kind, _, number = name.rpartition("-")
            for n in range(1, count + 1):
                suffix = ".jpg" if n == 11 else ".png"
                write_frame(root / folder / PARTS[part] / name, f"{kind}_{number}_{n:03d}", n, suffix)

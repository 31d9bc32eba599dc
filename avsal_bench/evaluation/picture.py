"""Pictures of tested videos: some frames of each, where people looked, and what the network predicted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from torch import Tensor
from torch.nn import functional as F

from avsal_bench.data import painting
from avsal_bench.data.dataset import Video
from avsal_bench.data.files.frames import read_frames
from avsal_bench.data.files.truth_files import density
from avsal_bench.records import VideoScores

#: Frames of a video in its picture, and (height, width) of each.
COLUMNS = 8
TILE = (96, 144)

#: Columns of a video's picture that a gallery shows; height of a caption and size of its letters, in pixels.
GALLERY_COLUMNS = 5
CAPTION, LETTERS = 20, 13
#: Pixels between its tiles.
GAP = 2
#: Quality of its JPEG: some 60 kB.
QUALITY = 80


def picture_frames(video: Video) -> list[int]:
    """Frames of a video that its picture shows, spread evenly."""
    return painting.evenly(video.n_frames, COLUMNS)


def draw_video(maps: Mapping[int, Tensor], video: Video, path: Path) -> None:
    """Write a picture with a column for each of some frames.

    The rows are the frame, the ground truth over the frame, and the prediction over the frame.

    Args:
        maps: for each frame shown its map ``(h, w)``, not negative.
        video: whose files are read.
        path: of the PNG.
    """
    columns = []
    for n, saliency in sorted(maps.items()):
        frame = np.asarray(read_frames(video, [n], TILE)[:, 0].permute(1, 2, 0))
        truth = density(video, n, TILE)
        predicted = F.interpolate(saliency[None, None].float(), TILE, mode="bilinear", antialias=True)[0, 0]
        rows = [frame, *(painting.blend(frame, np.asarray(laid)) for laid in (truth, predicted))]
        columns.append(np.concatenate(rows))
    with painting.output_file(path, ".png") as temporary:
        # A picture for each tested video: a quarter larger, in a third of the time.
        Image.fromarray(np.concatenate(columns, axis=1)).save(temporary, format="png", compress_level=1)


def gallery_videos(videos: Sequence[VideoScores]) -> list[tuple[str, VideoScores]]:
    """The best, the middle and the worst video by CC, as far as there are so many that have one."""
    ranked = sorted((v for v in videos if np.isfinite(v.scores["CC"])), key=lambda v: (-v.scores["CC"], v.video))
    chosen = {"best": 0, "middle": (len(ranked) - 1) // 2, "worst": len(ranked) - 1} if ranked else {}
    places = {place: word for word, place in reversed(chosen.items())}
    return [(places[place], ranked[place]) for place in sorted(places)]


def draw_gallery(videos: Sequence[VideoScores], folder: Path, path: Path) -> bool:
    """Write a picture of the best, the middle and the worst tested video, from the pictures of single ones.

    Below a caption with name and CC, a video has some of its frames with the ground truth, and below with the
    prediction.

    Args:
        videos: of a record.
        folder: of their pictures (:func:`draw_video`).
        path: of the JPEG.

    Returns:
        Whether it was written; not without the pictures, or without a CC.
    """
    chosen = gallery_videos(videos)
    if not chosen or not all((folder / f"{video.video}.png").is_file() for _, video in chosen):
        return False
    rows = []
    for word, video in chosen:
        caption = f"{word}: {video.video}, CC {video.scores['CC']:.3f}; ground truth above, prediction below"
        rows.append(_gallery_row(caption, folder / f"{video.video}.png"))
    width = max(row.shape[1] for row in rows)
    filled = [np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=255) for row in rows]
    with painting.output_file(path, ".jpg") as temporary:
        Image.fromarray(np.concatenate(filled)).save(temporary, format="jpeg", quality=QUALITY, optimize=True)
    return True


def _gallery_row(caption: str, path: Path) -> painting.Pixels:
    """Caption, ground truth and prediction of a video."""
    height, width = TILE
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    shown = [n - 1 for n in painting.evenly(pixels.shape[1] // width, GALLERY_COLUMNS)]
    columns = [pixels[height:, n * width : (n + 1) * width] for n in shown]
    tiles = np.concatenate([np.pad(c, ((0, 0), (0, GAP), (0, 0)), constant_values=255) for c in columns], axis=1)
    tiles[height - GAP // 2 : height + GAP // 2] = 255
    row = Image.new("RGB", (tiles.shape[1], CAPTION), "white")
    text = painting.fits(caption, row.width - 8, LETTERS)
    ImageDraw.Draw(row).text((4, 2), text, fill="black", font=painting.font(LETTERS))
    return np.concatenate([np.asarray(row), tiles])

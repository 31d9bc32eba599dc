"""Draw the clips of the leaderboard's first screen: where people looked, and a network's maps with and without sound.

First make the maps, of each video of ``CLIPS``, with the network of ``avsal bench avrsp`` (smoke preset, seed 0)::

    avsal predict data/synth/video_files/synth/timbre_04.mp4 -o maps/timbre_04/heard --form npy --native
    avsal predict data/synth/video_files/synth/timbre_04.mp4 -o maps/timbre_04/muted --form npy --native --muted
    python docs/draw_clips.py data/synth maps leaderboard/records/stavis/synth

The last folder has the records of that network with the true sound and muted, which the scores below a clip are from.
Each clip is one JPEG: its moments one below the other, each of three pictures side by side. ``clips.json`` says what is
in them. Both lie in ``avsal_bench/leaderboard/page/assets``, and the page has them inside.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from draw_overview import SIZE, overlay
from PIL import Image, ImageDraw

from avsal_bench.data.gaze.samples import read_gaze
from avsal_bench.records import read_record

OUT = Path(__file__).parents[1] / "avsal_bench" / "leaderboard" / "page" / "assets"
#: Videos that may be shown, of fold 1's test list: two in which the sound tells who is looked at, one of pulses,
#: and one whose music has nothing to do with the picture.
CLIPS = ("timbre_04", "timbre_28", "pulse_01", "offscreen_07")
#: Moments of a clip, and frames from one to the next; pixels between pictures, and how much larger a picture is drawn.
MOMENTS, STEP, GAP, SCALE = 12, 2, 4, 1.25
NETWORK = "avrsp"


def first_of(heard: Path, muted: Path, frames: int) -> int:
    """The frame from which on the two maps differ most over the moments of a clip."""
    apart = [
        np.abs(np.load(heard / f"{k:05d}.npy") / 1.0 - np.load(muted / f"{k:05d}.npy")).mean()
        for k in range(1, frames + 1)
    ]
    last = frames - STEP * (MOMENTS - 1)
    return 1 + max(range(last), key=lambda k: sum(apart[k : k + STEP * MOMENTS : STEP]))


def moment(root: Path, video: str, k: int, frames: int, folders: tuple[Path, Path]) -> Image.Image:
    """Three pictures side by side: the frame with its gaze, and both maps over it."""
    frame = np.asarray(Image.open(root / "video_frames" / "synth" / video / f"img_{k:05d}.jpg"))
    size = (round(SIZE[1] * SCALE), round(SIZE[0] * SCALE))
    shown = Image.fromarray(frame).resize(size, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(shown)
    gaze = read_gaze(root / "annotations" / "synth" / video / "observers.csv", frames, SIZE)
    for x, y in np.asarray(gaze.points(k), dtype=float).reshape(-1, 2) * SCALE:
        draw.ellipse((x - 3.2, y - 3.2, x + 3.2, y + 3.2), fill="white", outline="black")
    out = Image.new("RGB", (3 * size[0] + 2 * GAP, size[1]), (20, 22, 26))
    out.paste(shown, (0, 0))
    for n, folder in enumerate(folders, start=1):
        painted = overlay(frame, np.load(folder / f"{k:05d}.npy"))
        picture = Image.fromarray((painted * 255).round().astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
        out.paste(picture, (n * (size[0] + GAP), 0))
    return out


def main(root: Path, maps: Path, records: Path) -> None:
    """Draw every clip, and write what is in them."""
    told = []
    pair = [read_record(records / f"{NETWORK}_av-fold1-seed0{sound}.json") for sound in ("", "-muted")]
    scores = [{video.video: video.scores["CC"] for video in record.videos} for record in pair]
    for video in CLIPS:
        folders = (maps / video / "heard", maps / video / "muted")
        frames = len(list(folders[0].glob("*.npy")))
        first = first_of(*folders, frames)
        shown = [moment(root, video, first + n * STEP, frames, folders) for n in range(MOMENTS)]
        width, height = shown[0].size
        film = Image.new("RGB", (width, height * MOMENTS))
        for n, picture in enumerate(shown):
            film.paste(picture, (0, n * height))
        small = film.resize((film.width * 2 // 3, film.height * 2 // 3), Image.Resampling.BICUBIC)
        small.save(OUT / f"clip_{video}.webp", quality=40, method=6)
        told.append(
            {
                "video": video,
                "kind": video.partition("_")[0],
                "first": first,
                "step": STEP,
                "moments": MOMENTS,
                "width": width,
                "height": height,
                "heard": round(scores[0][video], 3),
                "muted": round(scores[1][video], 3),
            }
        )
    weights = pair[0].weights["sha256"]
    means = {name: round(one.scores["CC"], 3) for name, one in zip(("heard", "muted"), pair, strict=True)}
    story = {"network": NETWORK, "preset": pair[0].preset, "seed": 0, "weights": weights, "videos": len(pair[0].videos)}
    story |= {"means": means, "clips": told}
    (OUT / "clips.json").write_text(json.dumps(story, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))

"""Small sets in the layouts of CrowdSAL, NTIRE 2026 and AViMoS, with the scenes of ``synth``: to try commands on.

::

    crowdsal    <root>/CrowdSAL/{Train,Test}/{Videos/%04d.mp4, Saliency/%04d.mp4, Fixations/%04d.json, metadata.jsonl}
    ntire26     <root>/ntire26/{TrainTestSplit.json, Videos, Saliency{Train,Test}, Fixations{Train,Test}, ..}
    avimos      <root>/avimos/, likewise

They have the quirks of the real ones: films with and without sound, upright ones, maps of 10 bits that x264 wrote at
constant rate factor 0, points that repeat, frames in which nobody looked, names with and without ``.mp4``. The same
seed gives the same scenes and points; the bytes of films depend on the build of x264.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from avsal_bench.data.synth.making import GROUPS, Plan, draw_video
from avsal_bench.data.synth.scenes import HEIGHT, WIDTH, Array, render
from avsal_bench.data.synth.soundtrack import SAMPLE_RATE
from avsal_bench.files import write_atomically
from avsal_bench.names import unknown
from avsal_bench.progress import progress
from avsal_bench.text import many

#: Layouts, each with the name of its folder.
FOLDERS = {"crowdsal": "CrowdSAL", "ntire26": "ntire26", "avimos": "avimos"}
FPS = 30
#: Cursors are sampled so often a second, as in AIM 2024.
SAMPLED = 100
#: Of the Gaussians of maps, in pixels: one degree where the picture is 35 cm wide, at 60 cm.
SIGMA = WIDTH * 57.6 / 1920
#: Black and white in limited levels of 10 bits.
BLACK, WHITE = 64, 940
#: Every which video is upright, and every which has no sound track, each from its own first one.
EVERY, UPRIGHT, SILENT = 4, 1, 2

Points = list[NDArray[np.int64]]


def make_film_set(root: Path, layout: str, videos: int = 6, frames: int = 48, seed: int = 0) -> Path:
    """Write a small set below a data root; a third of its videos is tested.

    Args:
        root: the data root, which may be new.
        layout: ``crowdsal``, ``ntire26`` or ``avimos``.
        videos: at least 4, so that there is an upright one and one without sound.
        frames: of each, at 30 a second; at least 8.
        seed: of scenes, sounds and points.

    Returns:
        The folder of the set.

    Raises:
        ValueError: for an unknown layout, or too few videos or frames.
        FileExistsError: where the folder is there: nothing is replaced.
        OSError: naming the folder, when it cannot be written.
    """
    if layout not in FOLDERS:
        raise ValueError(unknown("layout of films", layout, FOLDERS))
    if videos < 4 or frames < 8:
        raise ValueError(
            f"{many(videos, 'video')} of {many(frames, 'frame')}: expected at least 4 videos, and at least 8 frames"
        )
    folder = root / FOLDERS[layout]
    if folder.exists():
        raise FileExistsError(f"{folder} is there already; remove it, or name another folder with --data-root")
    stage = root / f".{FOLDERS[layout]}.staging"
    shutil.rmtree(stage, ignore_errors=True)
    try:
        with progress(f"make {folder.name}", videos) as bar:
            write = _write_crowdsal if layout == "crowdsal" else _write_challenge
            write(stage, layout, _videos(videos, frames, seed), bar.advance)
        stage.replace(folder)
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    return folder


class _Made:
    """One video: pictures, sound, points; turned where it is upright."""

    def __init__(self, index: int, frames: int, seed: int) -> None:
        category = [kind for kind in dict.fromkeys(GROUPS) if kind != "silent"][index % 3]
        scene, sound, gaze = draw_video(seed, Plan(f"film_{index}", category, 1, frames, FPS))
        upright = index % EVERY == UPRIGHT
        self.pictures = [render(scene, k) for k in range(frames)]
        self.sound = None if index % EVERY == SILENT else sound
        self.size = (WIDTH, HEIGHT) if upright else (HEIGHT, WIDTH)
        self.points = _cursors(gaze)
        if index == 0:  # nobody looked
            self.points[frames // 2] = self.points[0][:0]
        if upright:
            self.pictures = [np.ascontiguousarray(picture.transpose(1, 0, 2)) for picture in self.pictures]
            self.points = [of_frame[:, ::-1] for of_frame in self.points]


def _videos(videos: int, frames: int, seed: int) -> Iterator[tuple[bool, _Made]]:
    """Whether each is tested, and the video."""
    for index in range(videos):
        yield index >= videos - max(2, videos // 3), _Made(index, frames, seed)


def _cursors(gaze: Array) -> Points:
    """Rows and columns that cursors stand at, ``SAMPLED`` times a second, for each frame; as gaze they go straight."""
    n_frames = gaze.shape[1]
    times = np.arange(int(n_frames * SAMPLED / FPS)) / SAMPLED * FPS
    before = np.minimum(times.astype(int), n_frames - 1)
    after = np.minimum(before + 1, n_frames - 1)
    places = gaze[:, before] + (times - before)[None, :, None] * (gaze[:, after] - gaze[:, before])
    pixels = np.floor(places[..., ::-1]).astype(np.int64).clip(0, (HEIGHT - 1, WIDTH - 1))
    return [pixels[:, before == frame].reshape(-1, 2) for frame in range(n_frames)]


def _density(points: NDArray[np.int64], size: tuple[int, int]) -> NDArray[np.uint16]:
    """The map of a frame in levels of 10 bits, stretched to the whole range."""
    counts = np.zeros(size)
    np.add.at(counts, (points[:, 0], points[:, 1]), 1.0)
    density = gaussian_filter(counts, SIGMA, mode="constant")
    density -= density.min()
    levels: NDArray[np.uint16] = np.rint(BLACK + (WHITE - BLACK) * density / max(float(density.max()), 1e-12)).astype(
        np.uint16
    )
    return levels


def _write_crowdsal(
    folder: Path, layout: str, videos: Iterator[tuple[bool, _Made]], report: Callable[[], None]
) -> None:
    numbers = {"Train": 1, "Test": 3001}
    lines: dict[str, list[str]] = {part: [] for part in numbers}
    for tested, made in videos:
        part = "Test" if tested else "Train"
        name = f"{numbers[part]:04d}"
        numbers[part] += 1
        place = folder / part
        _write_video(made, place / "Videos" / f"{name}.mp4", place / "Saliency" / f"{name}.mp4")
        _write_json(place / "Fixations" / f"{name}.json", [of_frame.tolist() for of_frame in made.points])
        lines[part].append(json.dumps({"file_name": f"Videos/{name}.mp4", "license": "CC0-1.0"}))
        report()
    for part, of_part in lines.items():
        write_atomically(folder / part / "metadata.jsonl", "\n".join(of_part) + "\n")


def _write_challenge(
    folder: Path, layout: str, videos: Iterator[tuple[bool, _Made]], report: Callable[[], None]
) -> None:
    ending, binary = (".mp4", "fixations_maps") if layout == "ntire26" else ("", "fixations")
    split: dict[str, list[str]] = {"train": [], "public_test": [], "private_test": []}
    for index, (tested, made) in enumerate(videos):
        name, side = f"video_synth_{index + 1}", "Test" if tested else "Train"
        later = len(split["public_test"]) > len(split["private_test"])
        split["train" if not tested else "private_test" if later else "public_test"].append(name + ending)
        place = folder / f"Fixations{side}" / side / name
        _write_video(made, folder / "Videos" / f"{name}.mp4", folder / f"Saliency{side}" / side / f"{name}.mp4")
        _write_json(place / "fixations.json", [of_frame.tolist() for of_frame in made.points])
        (place / binary).mkdir()
        for number, of_frame in enumerate(made.points, 1):
            marked = np.zeros(made.size, np.uint8)
            marked[of_frame[:, 0], of_frame[:, 1]] = 255
            Image.fromarray(marked).save(place / binary / f"{number:03d}.png")
        report()
    _write_json(folder / "TrainTestSplit.json", split)
    names = [name.removesuffix(".mp4") for of_part in split.values() for name in of_part]
    _write_json(folder / "VideoInfo.json", {name: {"license": "CC0-1.0"} for name in names})


def _write_video(made: _Made, film: Path, maps: Path) -> None:
    pictures = [av.VideoFrame.from_ndarray(picture, format="rgb24") for picture in made.pictures]
    _write_film(film, pictures, "yuv420p", {"crf": "16"}, made.sound)
    grey = [_grey(_density(of_frame, made.size)) for of_frame in made.points]
    _write_film(maps, grey, "yuv420p10le", {"crf": "0", "preset": "fast"}, None)


def _grey(levels: NDArray[np.uint16]) -> av.VideoFrame:
    """A picture of 10 bits without colours."""
    frame = av.VideoFrame(levels.shape[1], levels.shape[0], "yuv420p10le")
    for number, plane in enumerate(frame.planes):
        rows = np.full((plane.height, plane.line_size // 2), 512, "<u2")
        if not number:
            rows[:, : plane.width] = levels
        plane.update(rows.tobytes())
    return frame


def _write_film(
    path: Path,
    frames: Sequence[av.VideoFrame],
    pix_fmt: str,
    options: dict[str, str],
    sound: NDArray[np.float32] | None,
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={**options, "threads": "1"})
        stream.width, stream.height, stream.pix_fmt = frames[0].width, frames[0].height, pix_fmt
        track = None if sound is None else container.add_stream("aac", rate=SAMPLE_RATE, layout="stereo")
        for number, frame in enumerate(frames):
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if track is not None and sound is not None:
            samples = av.AudioFrame.from_ndarray(np.stack([sound, sound]), format="fltp", layout="stereo")
            samples.sample_rate = SAMPLE_RATE
            container.mux(track.encode(samples))
            container.mux(track.encode(None))


def _write_json(path: Path, plain: Any) -> None:
    write_atomically(path, json.dumps(plain))

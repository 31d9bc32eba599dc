"""The embedded set ``synth``: a procedural audio-visual eye-tracking set, made on first use.

Its causes are known, so that it works as an instrument: in some videos only the sound tells where people look.
It says nothing about how networks rank on real videos; docs/synth.md describes scenes, observers and files.

::

    <root>/video_frames/synth/<video>/img_%05d.jpg               144 x 96 pixels, from 1
    <root>/video_audio/synth/<video>/<video>.wav                 22050 Hz, mono, 16 bit
    <root>/video_files/synth/<video>.mp4                         the same frames and sound, H.264 and AAC
    <root>/annotations/synth/<video>/maps/eyeMap_%05d.jpg        density, 8 bit
    <root>/annotations/synth/<video>/fixMap_%05d.mat             variable 'eyeMap', binary
    <root>/annotations/synth/<video>/observers.csv               the form of avsal_bench.data.gaze.samples
    <root>/annotations/synth/categories.csv                      video,category
    <root>/av_gt_label/synth/<video>.txt                         a line a frame: 1 if the looked-at thing sounds
    <root>/fold_lists/synth_list_{train,test}_{1,2,3}_fps.txt    name n_frames fps
    <root>/synth_silent/{train,val}/%04d/{images/%04d.jpg, maps/%04d.png, fixations/%04d.png}
    <root>/synth.json                                            written last: version, seed and counts
"""

from __future__ import annotations

import fcntl
import io
import json
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from zlib import crc32

import av
import numpy as np
import soundfile
from numpy.typing import NDArray
from PIL import Image
from scipy.io import savemat

from avsal_bench.data.gaze.samples import FILE_NAME, Gaze, Sample, format_gaze
from avsal_bench.data.synth.scenes import (
    Array,
    Category,
    Scene,
    density_map,
    fixation_map,
    make_scene,
    render,
    simulate_gaze,
)
from avsal_bench.data.synth.soundtrack import SAMPLE_RATE, soundtrack
from avsal_bench.files import write_atomically
from avsal_bench.progress import progress

#: Raised whenever the files for a seed change; a set of another version is made anew.
VERSION = 3
NAME = "synth"
SILENT = "synth_silent"
MARKER = "synth.json"
DEFAULT_SEED = 0
DEFAULT_VIDEOS = 72

#: What is made in the staging folder and moved into place as a whole, beside the fold lists.
FOLDERS = (
    f"video_frames/{NAME}",
    f"video_audio/{NAME}",
    f"video_files/{NAME}",
    f"annotations/{NAME}",
    f"av_gt_label/{NAME}",
    SILENT,
)
#: Category of each group of three videos, one of them for each fold; over and over.
GROUPS: tuple[Category, ...] = (
    *("timbre", "offscreen", "silent", "pulse", "timbre", "timbre", "timbre", "timbre"),
    *("timbre", "silent", "timbre", "offscreen", "timbre", "pulse", "timbre", "timbre"),
)
#: Groups of videos shorter than the clip of most networks, with their frames: the short-video rules need them.
SHORT = {1: 12, 2: 6}
SILENT_FRAMES = 32
SILENT_FPS = 10.0


@dataclass(frozen=True)
class Plan:
    """One video of ``synth``: its name, category, the fold that tests it, frames and frames per second."""

    name: str
    category: Category
    fold: int
    frames: int
    fps: float


def fold_of(index: int) -> int:
    """The fold, 1 to 3, that tests the video of this index (from 0).

    >>> [fold_of(i) for i in range(5)]
    [1, 2, 3, 1, 2]
    """
    return index % 3 + 1


def plan_videos(seed: int = DEFAULT_SEED, videos: int = DEFAULT_VIDEOS) -> list[Plan]:
    """All videos of the set.

    >>> plan_videos(videos=4)[3]
    Plan(name='offscreen_01', category='offscreen', fold=1, frames=12, fps=10.0)
    """
    plans: list[Plan] = []
    for i in range(videos):
        group = i // 3
        category = GROUPS[group % len(GROUPS)]
        name = f"{category}_{sum(p.category == category for p in plans) + 1:02d}"
        frames = SHORT.get(group) or int(_streams(seed, name)[0].integers(44, 57))
        plans.append(Plan(name, category, fold_of(i), frames, fps=12.5 if group % 4 == 3 else 10.0))
    return plans


def plan_silent(videos: int = DEFAULT_VIDEOS) -> list[tuple[str, str, Category]]:
    """Split, name and category of the sound-free videos: a third as many as ``videos``, one in six for validation.

    >>> plan_silent(videos=12)[-2:]
    [('train', '0003', 'silent'), ('val', '0004', 'spread')]
    """
    number = max(3, videos // 3)
    train = number - max(1, number // 6)
    kinds: tuple[Category, Category] = ("silent", "spread")
    return [("train" if n < train else "val", f"{n + 1:04d}", kinds[n % 2]) for n in range(number)]


def synth_is_complete(root: Path, seed: int | None = None, videos: int | None = None) -> bool:
    """Whether ``root`` holds a whole set of this version, of the given seed and size unless None."""
    try:
        marker = json.loads((root / MARKER).read_text(encoding="utf-8"))
        return bool(
            marker["version"] == VERSION and seed in (None, marker["seed"]) and videos in (None, marker["videos"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def seed_of(root: Path) -> int | None:
    """The seed of the set under ``root``; None where there is no whole one of this version."""
    if not synth_is_complete(root):
        return None
    return int(json.loads((root / MARKER).read_text(encoding="utf-8"))["seed"])


def ensure_synth(root: Path, seed: int | None = None, videos: int | None = None, workers: int | None = None) -> None:
    """Make the set unless it is there, with a progress bar. Several processes may call this at once.

    Args:
        root: the data root.
        seed: None takes what is there, and ``DEFAULT_SEED`` if nothing is.
        videos: None takes what is there, and ``DEFAULT_VIDEOS`` if nothing is.
        workers: threads; None for one a core, at most eight.

    Raises:
        OSError: naming the folder, when it cannot be written.
    """
    if synth_is_complete(root, seed, videos):
        return
    with _locked(root):
        if synth_is_complete(root, seed, videos):
            return
        seed, videos = DEFAULT_SEED if seed is None else seed, DEFAULT_VIDEOS if videos is None else videos
        with progress(f"make the set {NAME}", videos + len(plan_silent(videos))) as bar:
            _make(root, seed, videos, workers, bar.advance)


def make_synth(
    root: str | os.PathLike[str], seed: int = DEFAULT_SEED, videos: int = DEFAULT_VIDEOS, workers: int | None = None
) -> None:
    """Make the set under ``root``, in place of one that is there.

    Args:
        root: the data root; other sets in it are left alone.
        seed: of everything drawn at random.
        videos: with sound, at least 3; a third as many without sound come beside them.
        workers: threads; None for one a core, at most eight.

    Raises:
        OSError: naming the folder, when it cannot be written.
        ValueError: when there are fewer videos than folds.
    """
    root = Path(root)
    with _locked(root):
        _make(root, seed, videos, workers, lambda: None)


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Hold the lock of ``root``, so that the ranks of a job make the set once; turn OSErrors into advice.

    The system frees the lock of a process that was killed.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        with (root / f".{NAME}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise OSError(
            error.errno,
            f"cannot make the set {NAME} in the folder {root} ({error.strerror or error}); "
            "it takes 80 MB: make room, or name another folder with --synth-root",
        ) from error


def _make(root: Path, seed: int, videos: int, workers: int | None, report: Callable[[], object]) -> None:
    """Make everything in a staging folder, then move it into place, then write the marker."""
    if videos < 3:
        raise ValueError(f"expected at least 3 videos, one for each fold, but got {videos}")
    stage = root / f".{NAME}.staging"
    shutil.rmtree(stage, ignore_errors=True)
    try:
        plans, silent = plan_videos(seed, videos), plan_silent(videos)
        _make_videos(stage, seed, plans, silent, workers or min(os.cpu_count() or 1, 8), report)
        _write_lists(stage, plans)
        _publish(stage, root)
        _write_marker(root, seed, plans, silent)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _make_videos(
    stage: Path,
    seed: int,
    plans: list[Plan],
    silent: list[tuple[str, str, Category]],
    workers: int,
    report: Callable[[], object],
) -> None:
    """Make every video; ``report`` is called after each.

    In threads: processes were no faster, and they import the main module anew, which may come here again.
    """
    jobs = [partial(make_video, stage, seed, plan) for plan in plans]
    jobs += [partial(make_silent_video, stage, seed, *entry) for entry in silent]
    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(job) for job in jobs]
        try:
            for future in as_completed(futures):
                future.result()
                report()
        finally:
            pool.shutdown(cancel_futures=True)


def _publish(stage: Path, root: Path) -> None:
    """Move what was made into place; without the marker, a set that is moved in part counts as absent."""
    (root / MARKER).unlink(missing_ok=True)
    for folder in FOLDERS:
        shutil.rmtree(root / folder, ignore_errors=True)
        (root / folder).parent.mkdir(parents=True, exist_ok=True)
        shutil.move(stage / folder, root / folder)  # not a rename: a folder of the root may be a link
    (root / "fold_lists").mkdir(exist_ok=True)
    for path in (stage / "fold_lists").iterdir():
        shutil.move(path, root / "fold_lists" / path.name)


def _write_marker(root: Path, seed: int, plans: list[Plan], silent: list[tuple[str, str, Category]]) -> None:
    marker = {
        "version": VERSION,
        "seed": seed,
        "videos": len(plans),
        "frames": sum(plan.frames for plan in plans),
        "silent_videos": len(silent),
        "silent_frames": len(silent) * SILENT_FRAMES,
    }
    write_atomically(root / MARKER, json.dumps(marker, indent=1) + "\n")


def _write_lists(stage: Path, plans: list[Plan]) -> None:
    """Write the fold lists and the categories."""
    (stage / "fold_lists").mkdir()
    for fold in (1, 2, 3):
        for part in ("train", "test"):
            chosen = [p for p in plans if (p.fold == fold) == (part == "test")]
            text = "".join(f"{p.name} {p.frames} {p.fps:.6f}\n" for p in chosen)
            (stage / "fold_lists" / f"{NAME}_list_{part}_{fold}_fps.txt").write_text(text, encoding="utf-8")
    rows = "".join(f"{p.name},{p.category}\n" for p in plans)
    (stage / "annotations" / NAME / "categories.csv").write_text("video,category\n" + rows, encoding="utf-8")


def _streams(seed: int, name: str) -> list[np.random.Generator]:
    """Independent random streams of one video, whoever makes it and when: length, scene, sound, gaze."""
    return np.random.default_rng([seed, crc32(name.encode())]).spawn(4)


def draw_video(seed: int, plan: Plan) -> tuple[Scene, NDArray[np.float32], Array]:
    """The causes of one video: its scene, its sound ``(samples,)`` and gaze ``(observers, T, 2)`` in pixels."""
    _, scene_rng, sound_rng, gaze_rng = _streams(seed, plan.name)
    scene = make_scene(scene_rng, plan.category, plan.frames, plan.fps)
    return scene, soundtrack(sound_rng, scene), simulate_gaze(gaze_rng, scene)


def make_video(stage: Path, seed: int, plan: Plan) -> None:
    """Make one video with its sound and annotations under ``stage``."""
    scene, sound, gaze = draw_video(seed, plan)
    images = [render(scene, k) for k in range(scene.frames)]
    for k, image in enumerate(images):
        _write_image(stage / f"video_frames/{NAME}/{plan.name}/img_{k + 1:05d}.jpg", image)
    _write_sound(stage / f"video_audio/{NAME}/{plan.name}/{plan.name}.wav", sound)
    _write_bytes(stage / f"video_files/{NAME}/{plan.name}.mp4", encode_mp4(images, sound, plan.fps))
    _write_annotations(stage / f"annotations/{NAME}/{plan.name}", plan.name, gaze)
    labels = "".join(f"{int(thing >= 0)}\n" for thing in scene.sounding)
    _write_bytes(stage / f"av_gt_label/{NAME}/{plan.name}.txt", labels.encode())


def make_silent_video(stage: Path, seed: int, split: str, name: str, category: Category) -> None:
    """Make one sound-free video under ``stage``, in the extracted layout of DHF1K."""
    _, scene_rng, _, gaze_rng = _streams(seed, f"{SILENT}_{name}")
    scene = make_scene(scene_rng, category, SILENT_FRAMES, SILENT_FPS)
    gaze = simulate_gaze(gaze_rng, scene)
    folder = stage / SILENT / split / name
    for k in range(scene.frames):
        _write_image(folder / f"images/{k + 1:04d}.jpg", render(scene, k))
        _write_image(folder / f"maps/{k + 1:04d}.png", density_map(gaze[:, k]))
        _write_image(folder / f"fixations/{k + 1:04d}.png", 255 * fixation_map(gaze[:, k]))


def _write_annotations(folder: Path, name: str, gaze: Array) -> None:
    samples = []
    for k in range(gaze.shape[1]):
        _write_image(folder / f"maps/eyeMap_{k + 1:05d}.jpg", density_map(gaze[:, k]))
        _write_mat(folder / f"fixMap_{k + 1:05d}.mat", fixation_map(gaze[:, k]))
        samples += [Sample(f"{o + 1:02d}", k + 1, x, y) for o, (x, y) in enumerate(gaze[:, k].tolist())]
    _write_bytes(folder / FILE_NAME, format_gaze(Gaze.of(samples), name).encode())


def _write_bytes(path: Path, content: bytes) -> None:
    """Write a file and its folders.

    Everything is encoded in memory and written here, because sound and video libraries report a full disk by
    errors of their own, and Python by an OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _write_image(path: Path, image: NDArray[np.uint8]) -> None:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG" if path.suffix == ".jpg" else "PNG", quality=90)
    _write_bytes(path, buffer.getvalue())


def _write_mat(path: Path, fixated: NDArray[np.uint8]) -> None:
    buffer = io.BytesIO()
    savemat(buffer, {"eyeMap": fixated}, do_compression=True)
    # The first 116 bytes are free text, in which scipy writes the time: the same seed must give the same file.
    _write_bytes(path, b"MATLAB 5.0 MAT-file, synth".ljust(116) + buffer.getvalue()[116:])


def _write_sound(path: Path, sound: NDArray[np.float32]) -> None:
    buffer = io.BytesIO()
    soundfile.write(buffer, sound, SAMPLE_RATE, subtype="PCM_16", format="WAV")
    _write_bytes(path, buffer.getvalue())


def encode_mp4(images: list[NDArray[np.uint8]], sound: NDArray[np.float32], fps: float) -> bytes:
    """A video file (H.264, yuv420p) of ``(H, W, 3)`` frames with an AAC sound track of ``SAMPLE_RATE``."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        video = container.add_stream("h264", rate=Fraction(fps), options={"crf": "18", "threads": "1"})
        video.height, video.width = images[0].shape[:2]
        video.pix_fmt = "yuv420p"
        audio = container.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        for image in images:
            container.mux(video.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(video.encode())
        track = av.AudioFrame.from_ndarray(sound[None], format="fltp", layout="mono")
        track.sample_rate = SAMPLE_RATE
        container.mux(audio.encode(track))
        container.mux(audio.encode())
    return buffer.getvalue()

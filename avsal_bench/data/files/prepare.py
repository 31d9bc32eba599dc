"""Writes the fast form of videos (:mod:`~avsal_bench.data.files.prepared`), so that training need not decode."""

from __future__ import annotations

import errno
import fcntl
import io
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.io import wavfile

from avsal_bench.data.dataset import Video
from avsal_bench.data.files.frames import read_frame, read_frames
from avsal_bench.data.files.prepared import (
    Frames,
    Manifest,
    PreparedFile,
    check_size,
    film_of_maps,
    originals,
    other_versions,
    read_manifest,
    size_name,
    source_of,
    stamp_of,
    unread,
    versions,
    write_manifest,
)
from avsal_bench.data.files.sound_files import audio_path, read_sound, sound_header
from avsal_bench.data.files.truth_files import small_levels
from avsal_bench.data.files.whole_films.array_files import HEADER, PARTS, part_of, remove, write_array, write_file
from avsal_bench.data.places import VideoFile
from avsal_bench.files import sha256
from avsal_bench.kept import Files
from avsal_bench.progress import progress
from avsal_bench.workers import Workers

#: Bytes of the header of a wav.
WAV_HEADER = 58


@dataclass(frozen=True)
class Prepared:
    """What :func:`prepare_videos` did with a video.

    Args:
        video: its key.
        folder: of the fast form.
        n_frames: of the file of frames.
        size: of the frames.
        bytes: of frames, maps and sound of this size.
        reason: why it was written, such as ``frames new, sound damaged``; "" for one that was up to date.
    """

    video: str
    folder: Path
    n_frames: int
    size: tuple[int, int]
    bytes: int
    reason: str


@dataclass(frozen=True)
class _Job:
    video: Video
    folder: Path
    size: tuple[int, int]
    sound: bool
    force: bool
    verify: bool


@dataclass(frozen=True)
class _Look:
    """Parts to write and why, what of the old manifest stays, and whether originals were touched and are the same."""

    reasons: dict[str, str]
    stays: Manifest
    touched: bool = False


def prepare_videos(
    videos: Sequence[Video],
    size: tuple[int, int],
    sample_rate: int | None,
    workers: Workers,
    *,
    force: bool = False,
    verify: bool = False,
) -> list[Prepared]:
    """Prepare videos for networks of one size; a result for each different video, in their order.

    What is up to date is left alone: a second run writes nothing, a run after a killed one goes on with the next
    video. A video is written again when its originals or the decoding libraries have changed, and when a file of it
    is missing or has another size. Other sizes stay as they are, unless their originals have changed: they go then.
    Several processes may call this at once.

    Args:
        videos: of any data sets; one that several lists name is prepared once, with the most frames asked for.
        size: height and width of the frames.
        sample_rate: of the front end; None leaves sound out. The sound keeps the rate of the original.
        workers: that read and write.
        force: write everything again.
        verify: compare every file with its checksum, and write a damaged one again.

    Raises:
        FileNotFoundError, ValueError: naming an original that is missing or unreadable.
        OSError: when the disk has too little room, before anything is written; it names the need.
    """
    if min(size) < 1:
        raise ValueError(f"size {size_name(size)} to prepare; expected a height and a width of at least 1")
    jobs = [
        _Job(v, _folder(v), size, sample_rate is not None and v.audio is not None, force, verify)
        for v in _different(videos)
    ]
    # Sums are work; a look is over before processes have started.
    looks = _run("checking sums", _look, jobs, workers) if verify else {i: _look(job) for i, job in enumerate(jobs)}
    for i, look in looks.items():
        if look.touched and not look.reasons:
            _prepare(jobs[i])
    todo = [i for i in range(len(jobs)) if looks[i].reasons]
    done: dict[int, Prepared] = {}
    if todo:
        _need_room([(jobs[i], looks[i]) for i in todo])
        todo.sort(key=lambda i: -jobs[i].video.n_frames)  # so that no process ends long after the others
        made = _run(f"preparing {size_name(size)}", _prepare, [jobs[i] for i in todo], workers)
        done = {todo[i]: prepared for i, prepared in made.items()}
    else:
        _say(f"nothing to do: {_count(len(jobs))} prepared in {size_name(size)}")
    return [done.get(i) or _result(job, looks[i].stays, {}) for i, job in enumerate(jobs)]


def _different(videos: Iterable[Video]) -> list[Video]:
    most: dict[Path, Video] = {}
    for video in videos:
        folder = _folder(video)
        known = most.setdefault(folder, video)
        alike = known.dataset != video.dataset and _prepared_of(known) == _prepared_of(video)
        if known.key != video.key and not alike:
            raise ValueError(f"{known.key} and {video.key} would both be prepared in {folder}")
        if video.n_frames > known.n_frames:
            most[folder] = video
    return list(most.values())


def _prepared_of(video: Video) -> tuple[object, ...]:
    """What is prepared of a video: two sets may name the same files."""
    return video.frames, video.audio, film_of_maps(video)


def _folder(video: Video) -> Path:
    if video.prepared is None:
        if video.still:
            raise ValueError(f"{video.key} is a still image, which has no prepared form; leave {video.dataset} out")
        raise ValueError(f"{video.key}: its layout names no folder for prepared videos")
    return video.prepared


def _run(title: str, function: Callable[[_Job], Any], jobs: Sequence[_Job], workers: Workers) -> dict[int, Any]:
    """Results by job, with a bar that counts frames."""
    results = {}
    with progress(f"{title}, frames", sum(job.video.n_frames for job in jobs)) as bar:
        for index, result in workers.run(function, jobs):
            results[index] = result
            bar.advance(jobs[index].video.n_frames, jobs[index].video.key)
    return results


def _need_room(todo: Sequence[tuple[_Job, _Look]]) -> None:
    """Say how many bytes will be written, and look whether every disk has them.

    Raises:
        OSError: naming the need and the disk.
    """
    needs: dict[int, tuple[Path, int]] = {}
    for job, look in todo:
        place = next(p for p in (job.folder, *job.folder.parents) if p.exists())
        need = 0
        if "frames" in look.reasons:
            need += HEADER + look.stays.n_frames * job.size[0] * job.size[1] * 3
        if "maps" in look.reasons:
            need += HEADER + look.stays.n_frames * job.size[0] * job.size[1] * 2
        if "sound" in look.reasons:
            need += _sound_bytes(job.video)
        disk = place.stat().st_dev
        needs[disk] = (place, needs.get(disk, (place, 0))[1] + need)
    for place, need in needs.values():
        free = shutil.disk_usage(place).free
        _say(f"{_count(len(todo))} to prepare: {need:,} bytes to write, {free:,} are free in {place}")
        if free < need:
            raise OSError(
                errno.ENOSPC,
                f"{need:,} bytes are needed to prepare {_count(len(todo))}, {free:,} are free; make room, "
                f"or prepare fewer sets",
                str(place),
            )


def _look(job: _Job) -> _Look:
    """What there is to do for a video; it reads originals only where they were touched since."""
    video, first = job.video, "new"
    try:
        old = read_manifest(job.folder)
    except ValueError:
        old, first = None, "damaged"
    n_frames, source = video.n_frames, unread(originals(video, video.n_frames))
    if old and old.n_frames > n_frames:  # another list asks for more, and they are there: they serve both
        try:
            n_frames, source = old.n_frames, unread(originals(video, old.n_frames))
        except FileNotFoundError:
            old = None
    if old and old.n_frames == n_frames:
        source = source_of(originals(video, n_frames), old.source)
    stays = Manifest(n_frames, source, versions=versions())
    reasons: dict[str, str] = {}
    if old is None:
        reasons["frames"] = first
    elif (old.n_frames, old.source.sha256) != (n_frames, source.sha256):
        reasons["frames"] = "changed"
    elif others := other_versions(video, old):
        reasons["frames"] = f"of other {', '.join(others)}"
        old = replace(old, sound=None, maps={})
    else:
        stays = replace(stays, frames=old.frames)
        entry = old.frames.get(size_name(job.size))
        reasons["frames"] = "new" if entry is None else _fault(job, entry)
    if old and old.sound and old.sound_source:
        heard = source_of(Files.one(video.audio), old.sound_source) if video.audio else old.sound_source
        if heard.sha256 == old.sound_source.sha256:
            stays = replace(stays, sound=old.sound, sound_source=heard)
    if film := film_of_maps(video):
        was = old is not None and bool(old.maps)
        if old and was and old.n_frames == n_frames:
            seen = source_of(film, old.map_source)
            if old.map_source and seen.sha256 == old.map_source.sha256:
                stays = replace(stays, maps=old.maps, map_source=seen)
        entry = stays.maps.get(size_name(job.size))
        reasons["maps"] = _fault(job, entry) if entry else "changed" if was and not stays.maps else first
    if job.sound:
        audio_path(video)
        was = old is not None and old.sound is not None
        reasons["sound"] = _fault(job, stays.sound) if stays.sound else "changed" if was else first
    touched = old is not None and _sources(old) != _sources(stays)
    return _Look({part: reason for part, reason in reasons.items() if reason}, stays, touched)


def _sources(manifest: Manifest) -> tuple[object, ...]:
    return manifest.source, manifest.sound_source, manifest.map_source


def _fault(job: _Job, entry: PreparedFile) -> str:
    """Why a file that should be good must be written again; "" when it need not."""
    path = job.folder / entry.name
    try:
        check_size(path, entry, stamp_of(path))
    except ValueError:
        return "damaged" if path.exists() else "missing"
    if job.force:
        return "forced"
    if job.verify:
        return "" if sha256(path) == entry.sha256 else "damaged"
    return ""


def _prepare(job: _Job) -> Prepared:
    """Write what lacks of a video, and the manifest last."""
    try:
        job.folder.mkdir(parents=True, exist_ok=True)
        with (job.folder / ".lock").open("w") as lock:
            # The system frees the lock of a process that was killed.
            fcntl.flock(lock, fcntl.LOCK_EX)
            look = _look(job)  # again: another process may have done it meanwhile
            try:
                manifest = _write(job, look) if look.reasons else look.stays
                if look.touched and not look.reasons:  # so that they need not be read the next time
                    write_manifest(job.folder, manifest)
            except BaseException:
                remove(job.folder.glob(PARTS))
                raise
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        text = f"no room to prepare {job.video.key} ({error.strerror}); make room, and run again to go on"
        raise OSError(error.errno, text, str(job.folder)) from error
    return _result(job, manifest, look.reasons)


def _write(job: _Job, look: _Look) -> Manifest:
    made, moves = look.stays, []
    if "frames" in look.reasons:
        moves.append(_write_frames(job, made.n_frames))
        made = replace(made, frames={**made.frames, size_name(job.size): moves[-1]})
    if "maps" in look.reasons and (film := film_of_maps(job.video)):
        film_before = unread(film)
        moves.append(_write_maps(job, made.n_frames))
        made = replace(
            made, maps={**made.maps, size_name(job.size): moves[-1]}, map_source=source_of(film, made.map_source)
        )
        if made.map_source and made.map_source.quick != film_before.quick:
            raise _changed(job)
    if "sound" in look.reasons:
        heard = Files.one(audio_path(job.video))
        before = unread(heard)
        moves.append(_write_sound(job))
        made = replace(made, sound=moves[-1], sound_source=source_of(heard))
    seen = originals(job.video, made.n_frames)
    if unread(seen).quick != made.source.quick or (
        "sound" in look.reasons and made.sound_source and before.quick != made.sound_source.quick
    ):
        raise _changed(job)
    made = replace(made, source=source_of(seen, made.source))
    # While files are moved, no manifest may name them: sizes alone cannot tell old from new.
    new = {entry.name for entry in moves}
    frames = {size: entry for size, entry in look.stays.frames.items() if entry.name not in new}
    maps = {size: entry for size, entry in look.stays.maps.items() if entry.name not in new}
    sound = look.stays.sound if look.stays.sound and look.stays.sound.name not in new else None
    write_manifest(job.folder, replace(look.stays, frames=frames, maps=maps, sound=sound))
    for entry in moves:
        part_of(job.folder, entry.name).replace(job.folder / entry.name)
    write_manifest(job.folder, made)
    # What is left is of changed originals, or of runs that were killed.
    named = {entry.name for entry in made.files()}
    for pattern in ("frames_*.npy", "maps_*.npy", "sound_*.wav", PARTS):
        remove(path for path in job.folder.glob(pattern) if path.name not in named)
    return made


def _changed(job: _Job) -> ValueError:
    return ValueError(f"{job.video.key}: its files changed while it was being prepared; run again when they rest")


def _write_frames(job: _Job, n_frames: int) -> PreparedFile:
    video, name = replace(job.video, n_frames=n_frames, prepared=None), f"frames_{size_name(job.size)}.npy"
    return write_array(
        job.folder, name, (n_frames, *job.size, 3), "|u1", lambda numbers: read_originals(video, numbers, job.size)
    )


def _write_maps(job: _Job, n_frames: int) -> PreparedFile:
    video, name = replace(job.video, n_frames=n_frames, prepared=None), f"maps_{size_name(job.size)}.npy"

    def read(numbers: range) -> NDArray[np.uint16]:
        return np.stack([small_levels(video, n, job.size) for n in numbers])

    return write_array(job.folder, name, (n_frames, *job.size), "<u2", read)


def _write_sound(job: _Job) -> PreparedFile:
    samples, rate = read_sound(job.video)
    file = io.BytesIO()
    wavfile.write(file, rate, samples.numpy())
    return write_file(job.folder, f"sound_{rate}.wav", [file.getvalue()])


def read_originals(video: Video, numbers: Sequence[int], size: tuple[int, int]) -> Frames:
    """Frames ``(T, h, w, 3)`` uint8 RGB, from the originals."""
    if isinstance(video.frames, VideoFile):
        clip = read_frames(replace(video, prepared=None), numbers, size)
        return np.ascontiguousarray(clip.permute(1, 2, 3, 0).numpy())
    # Each is read once: no use for the frames that read_frames remembers.
    frames = [read_frame(video.frames.path(n), size) for n in numbers]
    return np.stack([frame.permute(1, 2, 0).numpy() for frame in frames])


def _sound_bytes(video: Video) -> int:
    """Of the wav that :func:`_write_sound` will write: a header and the samples; about, for a track of a video."""
    return WAV_HEADER + 4 * sound_header(audio_path(video)).samples


def _result(job: _Job, manifest: Manifest, reasons: dict[str, str]) -> Prepared:
    size = size_name(job.size)
    entries = [manifest.frames[size], *([manifest.sound] if job.sound and manifest.sound else [])]
    entries += [manifest.maps[size]] if size in manifest.maps else []
    total = sum(entry.bytes for entry in entries)
    reason = ", ".join(f"{part} {reason}" for part, reason in reasons.items())
    return Prepared(job.video.key, job.folder, manifest.n_frames, job.size, total, reason)


def _count(videos: int) -> str:
    return f"{videos} video{'s' if videos != 1 else ''}"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)

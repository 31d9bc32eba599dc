"""The fast form of a video that ``avsal data prepare`` writes, and its reading::

    <root>/prepared/<SET>/<video>/frames_<h>x<w>.npy    (n, h, w, 3) uint8 RGB, one for each size; frame n at n - 1
    <root>/prepared/<SET>/<video>/maps_<h>x<w>.npy      (n, h, w) uint16, where the maps are a film
    <root>/prepared/<SET>/<video>/sound_<rate>.wav      mono float32, at the rate of the original
    <root>/prepared/<SET>/<video>/prepared.json         written last: what counts is what it names

Frames are those of :func:`~avsal_bench.data.files.frames.read_frame`, bit for bit; one of 224x384 takes 258 kB. The
sound keeps its own rate, and each excerpt is resampled when it is read, as one of the original is: a network hears the
same samples, bit for bit too. Maps are those that training is given without it, in steps of 1/65535.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from avsal_bench.data.contents_of import files_of
from avsal_bench.data.dataset import Video
from avsal_bench.data.files.readers.video_reader import READERS, other_decoders
from avsal_bench.data.places import VideoFile, is_video_file
from avsal_bench.files import write_atomically
from avsal_bench.kept import Contents, Files, code_of, look_at

Frames = NDArray[np.uint8]
Maps = NDArray[np.uint16]

#: Raised whenever prepared files of an older version must be made again.
VERSION = 2
MANIFEST = "prepared.json"
#: Libraries that decide what a frame looks like, and those that count only where something comes from a video file.
DECODERS, FILE_DECODERS = ("torch", "torchvision"), ("av",)
FIX = "run `avsal data prepare --force`"

#: Maps that a process keeps open. Each holds a file descriptor, and opening one takes less than 0.1 ms.
OPEN_MAPS = 4


@dataclass(frozen=True)
class Source:
    """Originals as they were.

    Args:
        files: how many.
        bytes: in all.
        quick: SHA-256 of their names, sizes and times; files with the same are not read again.
        sha256: of their contents; "" where nobody has read them yet.
    """

    files: int
    bytes: int
    quick: str
    sha256: str = ""


@dataclass(frozen=True)
class PreparedFile:
    """A file of the fast form."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """Contents of ``prepared.json``.

    Args:
        n_frames: of every file of frames.
        source: of the frames.
        frames: by size, as ``<h>x<w>``.
        sound_source: of the sound; None without sound.
        sound: None without sound.
        map_source: of the maps; None where they are no film.
        maps: by size, likewise.
        versions: of the libraries that decoded, and ``code``, a SHA-256 of the code that read.
        version: of the form.
    """

    n_frames: int
    source: Source
    frames: dict[str, PreparedFile] = field(default_factory=dict)
    sound_source: Source | None = None
    sound: PreparedFile | None = None
    versions: dict[str, str] = field(default_factory=dict)
    version: int = VERSION
    map_source: Source | None = None
    maps: dict[str, PreparedFile] = field(default_factory=dict)

    def files(self) -> list[PreparedFile]:
        """All that count."""
        return [*self.frames.values(), *self.maps.values(), *([self.sound] if self.sound else [])]

    def plain(self) -> dict[str, Any]:
        """Plain values, for JSON; nothing of maps where there are none."""
        plain = asdict(self)
        return plain if self.maps else {key: value for key, value in plain.items() if key not in ("maps", "map_source")}


def prepared_frames(folder: Path, size: tuple[int, int], n_frames: int) -> Frames | None:
    """The first ``n_frames`` frames of a prepared video, ``(n_frames, h, w, 3)`` uint8 RGB, mapped from the disk.

    The map is read only; what is taken out of it must be copied before it becomes a tensor. None when the folder
    has no frames of this size, or fewer of them.

    Raises:
        ValueError: naming the file that is missing, cut short or damaged, and the fix.
    """
    manifest = read_manifest(folder)
    entry = manifest.frames.get(size_name(size)) if manifest else None
    if manifest is None or entry is None or manifest.n_frames < n_frames:
        return None
    path = folder / entry.name
    return _open_map(path, entry, (manifest.n_frames, *size, 3), "uint8", stamp_of(path))[:n_frames]


def prepared_maps(video: Video, size: tuple[int, int]) -> Maps | None:
    """The saliency maps of a video whose maps are a film, ``(n_frames, h, w)`` uint16 in steps of 1/65535, mapped from
    the disk; None where they are no film, or not prepared in this size.

    Raises:
        ValueError: as :func:`prepared_frames`.
    """
    if not isinstance(video.densities, VideoFile) or video.prepared is None or not video.prepared.is_dir():
        return None
    manifest = read_manifest(video.prepared)
    entry = manifest.maps.get(size_name(size)) if manifest else None
    if manifest is None or entry is None or manifest.n_frames < video.n_frames:
        return None
    path = video.prepared / entry.name
    return _open_map(path, entry, (manifest.n_frames, *size), "uint16", stamp_of(path))[: video.n_frames]


def maps_are_prepared(video: Video, size: tuple[int, int] | None = None) -> bool:
    """Whether the maps of a video need not be decoded from a film: they are pictures, or prepared in this size, or in
    any where none is given.
    """
    if not isinstance(video.densities, VideoFile):
        return True
    if size is not None:
        return prepared_maps(video, size) is not None
    manifest = read_manifest(video.prepared) if video.prepared is not None else None
    return manifest is not None and bool(manifest.maps)


def film_of_maps(video: Video) -> Files | None:
    """The film that the maps of a video are; None where they are pictures, or kept back."""
    return Files.one(video.densities.path) if isinstance(video.densities, VideoFile) else None


def prepared_sound(folder: Path, sample_rate: int) -> Path | None:
    """The wav of a prepared video: mono float32 at the rate of the original; None when the folder has none.

    Args:
        folder: of the video.
        sample_rate: of the front end. The file serves every rate: the reader resamples its excerpt, as it does
            one of the original.

    Raises:
        ValueError: naming the file that is missing or cut short, and the fix.
    """
    del sample_rate
    manifest = read_manifest(folder)
    if manifest is None or manifest.sound is None:
        return None
    path = folder / manifest.sound.name
    check_size(path, manifest.sound, stamp_of(path))
    return path


def prepared_sound_of(video: Video, sample_rate: int) -> Path | None:
    """The prepared sound of a video, where it may serve a front end of this rate."""
    if video.prepared is None or not video.prepared.is_dir():
        return None
    return prepared_sound(video.prepared, sample_rate)


def check_prepared(video: Video, contents: Contents | None = None) -> None:
    """Compare a prepared video, where it is one, with its originals, and with the code and the libraries of now.

    Originals that were only touched or copied are the same.

    Args:
        video: to look at.
        contents: what is known of the originals, so that those that were touched are read once.

    Raises:
        FileNotFoundError: naming a missing original.
        ValueError: when the originals, the code that reads them or the libraries have changed since.
    """
    manifest = read_manifest(video.prepared) if video.prepared else None
    if manifest is None or manifest.n_frames < video.n_frames:
        return
    if others := other_versions(video, manifest):
        raise ValueError(
            f"{video.key}: it was prepared with other {', '.join(others)}; "
            f"run `avsal data prepare` again, or remove {video.prepared}"
        )
    frames, sound = originals(video, manifest.n_frames), files_of(video, "sound")
    frames_differ = manifest.frames and not _same(frames, manifest.source, contents)
    sound_differs = manifest.sound and sound and not _same(sound, manifest.sound_source, contents)
    maps = film_of_maps(video)
    maps_differ = manifest.maps and maps and not _same(maps, manifest.map_source, contents)
    if frames_differ or sound_differs or maps_differ:
        what = "frames have" if frames_differ else "sound has" if sound_differs else "saliency maps have"
        raise ValueError(
            f"{video.key}: its {what} changed since it was prepared; "
            f"run `avsal data prepare` again, or remove {video.prepared}"
        )


def size_name(size: tuple[int, int]) -> str:
    """A size in the names of files.

    >>> size_name((224, 384))
    '224x384'
    """
    return f"{size[0]}x{size[1]}"


def originals(video: Video, n_frames: int) -> Files:
    """The files of the first ``n_frames`` frames."""
    files = files_of(replace(video, n_frames=n_frames), "frames")
    assert files is not None, "every video has frames"
    return files


def unread(files: Files) -> Source:
    """Files as they are now, without their contents.

    Raises:
        FileNotFoundError: naming the first missing file.
        ValueError: naming what is no regular file.
    """
    look = look_at(files)
    return Source(len(files.names), look.bytes, look.quick)


def source_of(files: Files, known: Source | None = None, contents: Contents | None = None) -> Source:
    """Files as they are now, with their contents: read where a look tells them from what is known.

    Raises:
        FileNotFoundError, ValueError: as :func:`unread`.
    """
    now = unread(files)
    if known is not None and known.sha256 and known.quick == now.quick:
        return known
    return replace(now, sha256=(contents or Contents(None)).sha256(files))


def _same(files: Files, known: Source | None, contents: Contents | None) -> bool:
    return known is not None and source_of(files, known, contents).sha256 == known.sha256


def versions() -> dict[str, str]:
    """Releases of libraries, without the build: a machine with a GPU reads what one without it prepared; and code."""
    # What opens files, all of it: little else changes pixels and samples, and most of it does.
    code = code_of(files=sorted(Path(__file__).parent.rglob("*.py")))
    libraries = ("avsal-bench", *DECODERS, *FILE_DECODERS, *other_decoders())
    return {name: version(name).split("+")[0] for name in libraries} | {"code": code}


def other_versions(video: Video, manifest: Manifest) -> list[str]:
    """What decides pixels and samples, and is another one than that which prepared a video."""
    films = isinstance(video.frames, VideoFile) or isinstance(video.densities, VideoFile)
    files = films or (video.audio is not None and is_video_file(video.audio))
    deciding, now = ("code", *DECODERS, *((*FILE_DECODERS, *READERS[1:]) if files else ())), versions()
    return [name for name in deciding if manifest.versions.get(name) != now.get(name)]


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a folder; None without one, or with one of another version.

    It is read again only when the file changes.

    Raises:
        ValueError: naming a manifest that is none, and the fix.
    """
    path = folder / MANIFEST
    stamp = stamp_of(path)
    return None if stamp is None else _parse(path, stamp)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest atomically."""
    write_atomically(folder / MANIFEST, json.dumps(manifest.plain(), indent=1, sort_keys=True) + "\n")


def check_size(path: Path, entry: PreparedFile, stamp: tuple[int, ...] | None) -> None:
    """Look for a prepared file of the right size.

    Raises:
        ValueError: naming it, and the fix.
    """
    if stamp is None:
        raise ValueError(f"missing prepared file {path}, which {MANIFEST} names; {FIX}")
    if stamp[0] != entry.bytes:
        raise ValueError(f"damaged prepared file {path}: {stamp[0]} bytes, expected {entry.bytes}; {FIX}")


def stamp_of(path: Path) -> tuple[int, ...] | None:
    """Size, time and number of a file, which tell one version of it from another; None without it."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_size, found.st_mtime_ns, found.st_ino


@lru_cache(maxsize=4096)
def _parse(path: Path, stamp: tuple[int, ...]) -> Manifest | None:
    del stamp  # part of the key
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        if plain["version"] != VERSION:
            return None
        manifest = Manifest(**plain)
        if type(manifest.n_frames) is not int:
            raise TypeError(f"n_frames {manifest.n_frames!r}")
        return replace(
            manifest,
            source=_typed(Source, plain["source"]),
            frames={size: _typed(PreparedFile, entry) for size, entry in plain["frames"].items()},
            sound_source=plain["sound_source"] and _typed(Source, plain["sound_source"]),
            sound=plain["sound"] and _typed(PreparedFile, plain["sound"]),
            map_source=plain.get("map_source") and _typed(Source, plain["map_source"]),
            maps={size: _typed(PreparedFile, entry) for size, entry in plain.get("maps", {}).items()},
        )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"damaged {path} ({error}); {FIX}") from None


def _typed(kind: Any, plain: dict[str, Any]) -> Any:
    """A dataclass of numbers and texts from its plain values, of the right types."""
    made = kind(**plain)
    for name, value in plain.items():
        wanted = int if name in ("files", "bytes") else str
        if type(value) is not wanted:
            raise TypeError(f"{name} {value!r}")
    return made


@lru_cache(maxsize=OPEN_MAPS)
def _open_map(
    path: Path, entry: PreparedFile, shape: tuple[int, ...], kind: str, stamp: tuple[int, ...] | None
) -> NDArray[Any]:
    check_size(path, entry, stamp)
    try:
        frames: NDArray[Any] = np.asarray(npy.open_memmap(path, mode="r"))
    except ValueError as error:
        raise ValueError(f"damaged prepared file {path} ({error}); {FIX}") from error
    if frames.shape != shape or frames.dtype != np.dtype(kind):
        found = f"{frames.shape} {frames.dtype}"
        raise ValueError(f"damaged prepared file {path}: it holds {found}, expected {shape} {kind}; {FIX}")
    return frames

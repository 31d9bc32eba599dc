"""A folder of pictures, or pictures in memory, as a video of the benchmark without ground truth."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray
from PIL import Image

from avsal_bench.data.dataset import Video
from avsal_bench.data.places import NumberedFiles
from avsal_bench.strays import without_strays

#: Endings of pictures, in lower case.
PICTURES = (".jpg", ".jpeg", ".png")
_LAST_NUMBER = re.compile(r"(\d+)(?!.*\d)")


@dataclass(frozen=True)
class ListedFiles(NumberedFiles):
    """Files of one folder, in the order of the frames, whatever their names are.

    Args:
        files: of frame 1, 2, ...
    """

    files: tuple[Path, ...] = field(default=(), compare=False, repr=False)

    def name(self, frame: int) -> str:
        """Name of the file of a frame, from 1."""
        return self.files[frame - 1].name

    def path(self, frame: int) -> Path:
        """The file of a frame, from 1."""
        return self.files[frame - 1]


def open_folder(folder: Path, fps: float, audio: Path | None = None) -> Video:
    """A folder of pictures (jpg or png) as a :class:`Video`; the last number in a name orders it.

    Args:
        folder: of the pictures; other files in it do not count.
        fps: pictures a second.
        audio: file of the sound; None for none.

    Raises:
        FileNotFoundError: when there is no such folder, no picture in it, or no such sound.
        ValueError: naming a picture without a number, two of one number, and a number of pictures a second that is
            none.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder of frames")
    if not 0 < fps < 1000:
        raise ValueError(f"fps: expected frames a second, above 0, got {fps!r}")
    if audio is not None and not audio.is_file():
        raise FileNotFoundError(f"missing sound {audio}")
    pictures = [path for path in without_strays(folder.iterdir()) if path.suffix.lower() in PICTURES]
    if not pictures:
        raise FileNotFoundError(f"{folder}: no frames in this folder; expected pictures such as 00001.jpg or 00001.png")
    numbered: dict[int, Path] = {}
    for path in sorted(pictures):
        found = _LAST_NUMBER.search(path.stem)
        if found is None:
            raise ValueError(f"{path}: no number in its name, so its place among the frames is not known; rename it")
        if int(found[1]) in numbered:
            raise ValueError(f"{numbered[int(found[1])]} and {path} are both of frame {found[1]}; leave one of them")
        numbered[int(found[1])] = path
    files = tuple(numbered[number] for number in sorted(numbered))
    nothing = NumberedFiles(folder, "", 5, "")
    return Video(
        dataset=folder.resolve().parent.name or "frames",
        name=folder.name,
        n_frames=len(files),
        fps=fps,
        frames=ListedFiles(folder.resolve(), "", 5, "", files=files),
        densities=nothing,
        fixations=nothing,
        audio=audio,
    )


@contextmanager
def frames_written(frames: NDArray[Any], fps: float, audio: Path | None) -> Iterator[Video]:
    """Frames in memory as a video, for the block; they are kept as lossless files, so any network reads them.

    Args:
        frames: ``(N, h, w, 3)`` uint8 RGB; see :func:`check_frames`.
        fps: frames a second.
        audio: file of the sound; None for none.
    """
    with TemporaryDirectory(prefix="avsal-") as temporary:
        for number, frame in enumerate(frames, 1):
            picture = Image.fromarray(np.ascontiguousarray(frame))
            picture.save(Path(temporary) / f"{number:05d}.png", compress_level=1)
        # By these names errors and bars call it.
        yield replace(open_folder(Path(temporary), fps, audio), dataset="array", name="frames")


@contextmanager
def sound_written(samples: NDArray[Any], sample_rate: int | None) -> Iterator[Path]:
    """Samples in memory as a wav, for the block.

    Args:
        samples: ``(n,)`` or ``(n, channels)``, floating in [-1, 1] or int16.
        sample_rate: samples a second.

    Raises:
        TypeError, ValueError: for an array of another type or shape, and without a rate.
    """
    with TemporaryDirectory(prefix="avsal-") as temporary:
        path = Path(temporary) / "sound.wav"
        _write_sound(path, samples, sample_rate)
        yield path


def check_frames(frames: NDArray[Any]) -> None:
    """Look whether an array holds frames ``(N, h, w, 3)`` uint8.

    Raises:
        TypeError, ValueError: saying what it holds instead, and what to do.
    """
    if frames.dtype != np.uint8:
        raise TypeError(f"frames: expected uint8 RGB from 0 to 255, got {frames.dtype}; multiply and round them first")
    if frames.ndim != 4 or frames.shape[-1] != 3 or 0 in frames.shape:
        turned = "; transpose them, (N, 3, h, w) is torch's order" if frames.ndim == 4 and frames.shape[1] == 3 else ""
        raise ValueError(f"frames: expected an array (N, height, width, 3), got {frames.shape}{turned}")


def _write_sound(path: Path, sound: Any, sample_rate: int | None) -> None:
    samples = np.asarray(sound)
    if sample_rate is None or sample_rate < 1:
        raise ValueError(
            f"sample_rate: say how many samples of the sound are a second, such as 44100; got {sample_rate}"
        )
    if samples.ndim not in (1, 2) or len(samples) == 0 or (samples.ndim == 2 and samples.shape[1] > 16):
        raise ValueError(f"sound: expected samples (n,) or (n, channels), got an array {samples.shape}")
    if samples.dtype == np.int16:
        soundfile.write(path, samples, sample_rate, subtype="PCM_16")
        return
    if samples.dtype.kind != "f" or not np.isfinite(samples).all():
        raise TypeError(f"sound: expected finite floating-point samples in [-1, 1], or int16, got {samples.dtype}")
    soundfile.write(path, samples.astype(np.float32), sample_rate, subtype="FLOAT")

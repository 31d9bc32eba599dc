"""Files to tensors. Whatever is missing or unreadable is an error that names the file; nothing is skipped."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import torch
import torchaudio
from torch import Tensor
from torchvision.io import ImageReadMode, decode_image
from torchvision.transforms.v2 import functional as F

from avsal_bench.audio.waveform import AudioFrontEnd
from avsal_bench.data.dataset import NumberedFiles, OneFile, Video, VideoFile, is_video_file
from avsal_bench.data.files.fixation_files import mat_fixations
from avsal_bench.data.files.prepared import prepared_frames, prepared_sound
from avsal_bench.data.files.video_files import (
    cached_track,
    picture_size,
    read_pictures,
    read_track,
)
from avsal_bench.data.windows import Window

#: Samples beyond both ends of an excerpt that resampling is given, at the rate of the front end.
MARGIN = 64


def decode_image_file(path: Path, mode: ImageReadMode) -> Tensor:
    """An image ``(C, H, W)`` as it is stored: uint8, or uint16 from a PNG of 16 bits.

    Raises:
        FileNotFoundError, ValueError: naming the file.
    """
    try:
        data = torch.frombuffer(bytearray(path.read_bytes()), dtype=torch.uint8)
        image: Tensor = decode_image(data, mode)
        return image
    except FileNotFoundError:
        raise FileNotFoundError(f"missing file {path}") from None
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"unreadable image {path} ({reason}); fetch or extract it again") from error


def read_frame(path: Path, size: tuple[int, int]) -> Tensor:
    """One frame as ``(3, h, w)`` uint8 RGB, resized by antialiased bilinear interpolation."""
    image = decode_image_file(path, ImageReadMode.RGB)
    resized: Tensor = F.resize(image, list(size), antialias=True)
    return resized


# Windows of stride 1 share all frames but one. 128 frames of 224x384 take 33 MB.
CACHED_FRAMES = 128
_frames: OrderedDict[tuple[NumberedFiles | OneFile | VideoFile, int, tuple[int, int], bool], Tensor] = OrderedDict()


def read_frames(video: Video, numbers: Sequence[int], size: tuple[int, int] | None, antialias: bool = True) -> Tensor:
    """Frames of a video by their numbers from 1, in that order, ``(3, T, h, w)`` uint8 RGB.

    They come from the prepared form where it holds this size (antialiased always), else from the pictures or the
    video file, resized by bilinear interpolation.

    Args:
        video: whose files are read.
        numbers: of the frames; one may stand there twice.
        size: (height, width) of the result; None for that of the files.
        antialias: see :class:`~avsal_bench.spec.ClipSpec`.

    Raises:
        FileNotFoundError, ValueError: naming the file and the frame.
    """
    if outside := [n for n in numbers if not 1 <= n <= video.n_frames]:
        raise ValueError(f"{video.key}: frame {outside[0]} is not in a video of {video.n_frames} frames")
    if size is not None and antialias:
        ready = _prepared_frames(video, size)
        if ready is not None:
            # Contiguous, as without the prepared form: the memory layout decides the last digits of a convolution.
            return torch.from_numpy(ready[np.asarray(numbers) - 1]).permute(3, 0, 1, 2).contiguous()
    found = _read_all(video, sorted(set(numbers)), size, antialias)
    sizes = {tuple(picture.shape[1:]): n for n, picture in found.items()}
    if len(sizes) > 1:
        listed = ", ".join(f"{height}x{width} (frame {n})" for (height, width), n in sizes.items())
        raise ValueError(f"{video.key}: frames of several sizes, {listed}; extract them again")
    return torch.stack([found[n] for n in numbers], dim=1)


def _read_all(video: Video, numbers: Sequence[int], size: tuple[int, int] | None, antialias: bool) -> dict[int, Tensor]:
    """Each of some frames once; from the cache where it is there."""
    source = video.frames
    found = {}
    if size is not None:
        for n in numbers:
            if (source, n, size, antialias) in _frames:
                _frames.move_to_end((source, n, size, antialias))
                found[n] = _frames[source, n, size, antialias]
    wanted = [n for n in numbers if n not in found]
    if isinstance(source, VideoFile):
        fresh = list(read_pictures(source.path, wanted)) if wanted else []
    else:
        fresh = [decode_image_file(source.path(n), ImageReadMode.RGB) for n in wanted]
    for n, picture in zip(wanted, fresh, strict=True):
        if size is None:
            found[n] = picture
            continue
        found[n] = _frames[source, n, size, antialias] = F.resize(picture, list(size), antialias=antialias)
    while len(_frames) > CACHED_FRAMES:
        _frames.popitem(last=False)
    return found


def read_clip(video: Video, clip: Window, size: tuple[int, int], antialias: bool = True) -> Tensor:
    """The frames of a clip in its order, ``(3, T, h, w)`` uint8."""
    return read_frames(video, clip.frames, size, antialias)


def frame_size(video: Video) -> tuple[int, int]:
    """(height, width) of the frames of a video as they are stored, from its first frame."""
    if isinstance(video.frames, VideoFile):
        return picture_size(video.frames.path)
    height, width = decode_image_file(video.frames.path(1), ImageReadMode.RGB).shape[-2:]
    return height, width


def is_prepared(video: Video, size: tuple[int, int], sample_rate: int | None = None) -> bool:
    """Whether the prepared form of a video holds frames of this size, and sound of this rate if one is given."""
    if _prepared_frames(video, size) is None:
        return False
    return sample_rate is None or _prepared_sound(video, sample_rate) is not None


def _prepared_frames(video: Video, size: tuple[int, int]) -> np.ndarray | None:
    if video.prepared is None or not video.prepared.is_dir():
        return None
    return prepared_frames(video.prepared, size, video.n_frames)


def _prepared_sound(video: Video, sample_rate: int) -> Path | None:
    if video.prepared is None or not video.prepared.is_dir():
        return None
    return prepared_sound(video.prepared, sample_rate)


def read_density(path: Path, size: tuple[int, int] | None = None) -> Tensor:
    """A ground-truth saliency map of 8 or 16 bits as ``(H, W)`` float32 in [0, 1], resized bilinearly to ``size``."""
    stored = decode_image_file(path, ImageReadMode.GRAY)
    grey = stored.float() / torch.iinfo(stored.dtype).max
    if size is not None:
        grey = F.resize(grey, list(size), antialias=True)
    return grey[0]


def read_fixations(path: Path) -> Tensor:
    """A fixation map as ``(H, W)`` bool, from an image or a .mat file of the forms of :mod:`fixation_files`.

    JPEG surrounds each white pixel with a grey pattern, so there a fixated pixel is one of the brighter half.

    Raises:
        FileNotFoundError, ValueError: naming the file.
    """
    return torch.from_numpy(read_fixation_values(path) > 0)


def read_fixation_values(path: Path) -> np.ndarray:
    """The values of a fixation map as they are stored, ``(H, W)``; of a JPEG 255 for the brighter half, else 0.

    Raises:
        FileNotFoundError, ValueError: naming the file.
    """
    if path.suffix == ".mat":
        return mat_fixations(path)
    grey = decode_image_file(path, ImageReadMode.GRAY)[0].numpy()
    return np.where(grey >= 128, np.uint8(255), np.uint8(0)) if path.suffix in (".jpg", ".jpeg") else grey


def read_fixated(path: Path, size: tuple[int, int]) -> Tensor:
    """A fixation map at another size, ``(h, w)`` bool: every pixel that a fixated one reaches, so that none is lost."""
    reached: Tensor = F.resize(read_fixations(path)[None].float(), list(size), antialias=True)[0] > 0
    return reached


def read_audio(video: Video, clip: Window, front_end: AudioFrontEnd) -> Tensor:
    """The sound of a clip through the front end; backwards where the clip runs backwards.

    It is mixed down to mono and resampled to the rate of the front end. Of a wav only the excerpt is read; the track
    of a video file is decoded once and kept for a while.

    Raises:
        FileNotFoundError, ValueError: naming the file.
    """
    rate = front_end.sample_rate
    path = _prepared_sound(video, rate) or audio_path(video)

    def excerpt(n_samples: int, native: int) -> Excerpt:
        if not n_samples:
            raise soundless(path)
        start, stop = front_end.span(clip.first, clip.last, video.fps, n_samples * rate // native)
        return Excerpt.around(start, stop, native, rate)

    if is_video_file(path):
        track, native = cached_track(path)
        part = excerpt(len(track), native)
        samples = track[part.first : part.last]
    else:
        try:
            with soundfile.SoundFile(path) as file:
                native = file.samplerate
                part = excerpt(file.frames, native)
                file.seek(min(part.first, file.frames))
                samples = _mono(file.read(part.last - part.first, dtype="float32", always_2d=True))
        except soundfile.LibsndfileError as error:
            raise unreadable_sound(path, error) from error
    if native != rate and len(samples):
        samples = torchaudio.functional.resample(samples, native, rate)
    samples = samples[part.skip : part.skip + part.length]
    if not len(samples):
        samples = torch.zeros(1)
    return front_end(samples.flip(0) if clip.reverse else samples)


class Excerpt(NamedTuple):
    """Samples to read of a sound, and which to keep of them once they are resampled."""

    first: int
    last: int
    skip: int
    length: int

    @classmethod
    def around(cls, start: int, stop: int, native: int, rate: int) -> Excerpt:
        """What to read at ``native`` Hz for the samples ``start`` to ``stop`` at ``rate`` Hz.

        A filter that resamples needs samples on both sides, and a start that is a sample at both rates: else the
        excerpt is shifted by a part of a sample, and its ends are wrong.

        >>> Excerpt.around(22050, 44100, 22050, 22050)
        Excerpt(first=22050, last=44100, skip=0, length=22050)
        >>> Excerpt.around(1000, 1600, 44100, 16000)
        Excerpt(first=2205, last=4851, skip=200, length=600)
        """
        if native == rate:
            return cls(start, stop, 0, stop - start)
        common = math.gcd(native, rate)
        new, old = rate // common, native // common
        first = max(0, start - MARGIN) // new
        last = -(-(stop + MARGIN) // new)
        return cls(first * old, last * old, start - first * new, stop - start)


def read_sound(video: Video) -> tuple[Tensor, int]:
    """The whole sound of a video, mono ``(n,)`` float32 in [-1, 1], and its samples a second.

    Raises:
        FileNotFoundError, ValueError: naming the file.
    """
    path = audio_path(video)
    if is_video_file(path):
        return read_track(path)
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise unreadable_sound(path, error) from error
    if not len(samples):
        raise soundless(path)
    return _mono(samples), int(rate)


def _mono(samples: np.ndarray) -> Tensor:
    return torch.from_numpy(samples).mean(dim=1)


def unreadable_sound(path: Path, error: Exception) -> ValueError:
    """The error for a sound that cannot be read."""
    return ValueError(f"unreadable sound {path} ({error}); extract it again")


def soundless(path: Path) -> ValueError:
    """The error for a sound without samples."""
    return ValueError(f"{path}: a sound without samples; extract it again")


def audio_path(video: Video) -> Path:
    """The wav of a video, or the video file whose own track is heard.

    Raises:
        ValueError: when the data set has no sound.
        FileNotFoundError: when the file is missing.
    """
    if video.audio is None:
        raise ValueError(f"{video.dataset} has no sound; use modality 'v' on it")
    if not video.audio.is_file():
        raise FileNotFoundError(f"{video.key}: missing sound {video.audio}; an 'av' network needs it")
    return video.audio

"""Files to tensors. Whatever is missing or unreadable is an error that names the file; nothing is skipped."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import scipy.io
import soundfile
import torch
import torchaudio
from torch import Tensor
from torchvision.io import ImageReadMode, decode_image
from torchvision.transforms.v2 import functional as F

from avsal_bench.audio import AudioFrontEnd
from avsal_bench.data.dataset import NumberedFiles, Video
from avsal_bench.data.windows import Window

#: Sound may end this much before the last frame does, in seconds: encoders pad and cut tracks by a few
#: packets. What lacks is silence. A larger gap is an error.
AUDIO_SLACK = 0.25


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
_cached_frame = lru_cache(maxsize=128)(read_frame)


def read_clip(video: Video, clip: Window, size: tuple[int, int]) -> Tensor:
    """The frames of a clip in its order, ``(3, T, h, w)`` uint8."""
    return torch.stack([_cached_frame(video.frames.path(n), size) for n in clip.frames], dim=1)


def read_density(path: Path, size: tuple[int, int] | None = None) -> Tensor:
    """A ground-truth saliency map as ``(H, W)`` float32 in [0, 1], resized bilinearly if ``size`` is given."""
    grey = decode_image_file(path, ImageReadMode.GRAY).float() / 255
    if size is not None:
        grey = F.resize(grey, list(size), antialias=True)
    return grey[0]


def read_fixations(path: Path) -> Tensor:
    """A fixation map as ``(H, W)`` bool, from a .mat file with variable ``eyeMap`` or from an image."""
    if path.suffix != ".mat":
        return decode_image_file(path, ImageReadMode.GRAY)[0] > 0
    try:
        eye_map = scipy.io.loadmat(path, variable_names=["eyeMap"])["eyeMap"]
    except FileNotFoundError:
        raise FileNotFoundError(f"missing file {path}") from None
    except KeyError:
        raise ValueError(f"{path}: no variable 'eyeMap' in it") from None
    except Exception as error:  # scipy raises many kinds for damaged files
        raise ValueError(f"unreadable fixation map {path} ({error}); fetch it again") from error
    return torch.from_numpy(np.asarray(eye_map) > 0)


def read_audio(video: Video, clip: Window, front_end: AudioFrontEnd) -> Tensor:
    """The sound of a clip through the front end; backwards where the clip runs backwards.

    Only the excerpt is read. It is mixed down to mono and resampled to the rate of the front end.
    """
    path = audio_path(video)
    try:
        with soundfile.SoundFile(path) as file:
            native, rate = file.samplerate, front_end.sample_rate
            start, stop = front_end.span(clip.first, clip.last, video.fps, file.frames * rate // native)
            file.seek(start * native // rate)
            samples = file.read((stop - start) * native // rate, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise ValueError(f"unreadable sound {path} ({error}); extract it again") from error
    excerpt = torch.from_numpy(samples).mean(dim=1)
    if native != rate:
        excerpt = torchaudio.functional.resample(excerpt, native, rate)
    return front_end(excerpt.flip(0) if clip.reverse else excerpt)


def audio_path(video: Video) -> Path:
    """The wav of a video.

    Raises:
        ValueError: when the data set has no sound.
        FileNotFoundError: when the file is missing.
    """
    if video.audio is None:
        raise ValueError(f"{video.dataset} has no sound; use modality 'v' on it")
    if not video.audio.is_file():
        raise FileNotFoundError(f"{video.key}: missing sound {video.audio}; an 'av' network needs it")
    return video.audio


def check_video(video: Video, audio: bool) -> None:
    """Look for every file of a video, before hours are spent; contents are read later.

    Raises:
        FileNotFoundError: naming the first missing file.
        ValueError: for a sound that ends over ``AUDIO_SLACK`` seconds before the frames do.
    """
    _check_numbered(video, video.frames)
    check_truth(video)
    if audio:
        _check_length(video)


def check_truth(video: Video) -> None:
    """Look for the ground truth of a video only, which is all that scoring maps needs.

    Raises:
        FileNotFoundError: naming the first missing file.
    """
    for files in (video.densities, video.fixations):
        _check_numbered(video, files)


def _check_numbered(video: Video, files: NumberedFiles) -> None:
    present = {p.name for p in files.folder.iterdir()} if files.folder.is_dir() else set()
    missing = [n for n in range(1, video.n_frames + 1) if files.path(n).name not in present]
    if missing:
        raise FileNotFoundError(
            f"{video.key}: missing file {files.path(missing[0])}; the list asks for {video.n_frames} frames, "
            f"and {len(missing)} are missing in {files.folder}"
        )


def _check_length(video: Video) -> None:
    path = audio_path(video)
    try:
        seconds = soundfile.info(path).duration
    except soundfile.LibsndfileError as error:
        raise ValueError(f"unreadable sound {path} ({error}); extract it again") from error
    needed = video.n_frames / video.fps
    if seconds < needed - AUDIO_SLACK:
        raise ValueError(
            f"{path}: {seconds:.2f} s of sound for {needed:.2f} s of video ({video.n_frames} frames at "
            f"{video.fps:g} a second); extract the sound again, or mend the frame rate in the fold list"
        )

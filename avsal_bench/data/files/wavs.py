"""Wav files, by libsndfile: any excerpt is read without what comes before it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from avsal_bench.data.files.sound_limits import check_length, check_rate

#: What a wav begins with; the third has samples with their highest byte first.
_STARTS = (b"RIFF", b"RF64", b"RIFX")


def open_wav(path: Path) -> soundfile.SoundFile | None:
    """An open wav, by its content and not by its name; None where PyAV is to read it.

    That is a file of another kind, a wav of a codec that libsndfile does not know or cannot seek in, and one from a
    pipe, whose header tells of no samples.

    Raises:
        ValueError: naming a file whose rate or length cannot be.
    """
    with path.open("rb") as file:
        start = file.read(12)
    if start[:4] not in _STARTS or start[8:] != b"WAVE":
        return None
    try:
        wav = soundfile.SoundFile(path)
    except soundfile.LibsndfileError:
        return None
    try:
        check_rate(path, wav.samplerate)
        check_length(path, wav.frames, wav.samplerate)
    except ValueError:
        wav.close()
        raise
    if not wav.frames or not wav.seekable():
        wav.close()
        return None
    return wav


def holds_floats(wav: soundfile.SoundFile) -> bool:
    """Whether samples may be no numbers, or of any size."""
    return wav.subtype in ("FLOAT", "DOUBLE")


def wav_blocks(wav: soundfile.SoundFile, length: int = 2**16) -> Iterator[NDArray[np.float32]]:
    """All of a wav in blocks ``(length, channels)``, the last one shorter."""
    yield from wav.blocks(length, dtype="float32", always_2d=True)

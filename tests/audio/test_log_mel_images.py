"""DiffSal's patches of sound against what its authors' code gives, and their rules about lengths."""

import math
import pickle

import numpy as np
import pytest
import torch
from parity import Golden, normal

from avsal_bench.audio import LogMelImages
from avsal_bench.audio.spectra import log_mel

GOLDEN = Golden("diffsal_av")
#: Samples a second of a sound, and frames a second of its video.
RATES = [(22050, 25), (16000, 25), (44100, 30), (48000, 24)]
EXCERPTS = [(1, 16), (50, 65), (99, 100)]


def wave(rate: int, fps: int) -> torch.Tensor:
    """Sound of 100 frames, in 16 bits."""
    return torch.round(3276.8 * normal(f"wav_{rate}", (rate * 100 // fps,))) / 32768


@pytest.mark.parametrize(("rate", "fps"), RATES)
def test_patches_are_those_of_the_authors(rate, fps):
    sound, front = wave(rate, fps), LogMelImages(sample_rate=rate)
    for first, last in EXCERPTS:
        start, stop = front.span(first, last, fps, len(sound))
        assert (start, stop - 1) == tuple(GOLDEN.data[f"audio/{rate}_{fps}/samples_{first}_{last}"])
        excerpt = sound[start:stop]
        assert GOLDEN.error(f"audio/{rate}_{fps}/patches_{first}_{last}", front.rows(excerpt)) < 1e-6
        if first == 50:
            assert GOLDEN.error(f"audio/{rate}_{fps}/input_50_65", front(excerpt)) < 1e-6
            assert front(excerpt).shape == (1, 9, 112, 192)
    if rate == 22050:
        start, stop = front.span(50, 65, fps, len(sound))
        first_patch = front.rows(sound[start:stop])[0, 0].numpy()
        np.testing.assert_allclose(first_patch, GOLDEN.data["audio/22050_25/patches_50_65_first"], atol=1e-5)


@pytest.mark.parametrize(
    ("rate", "which"),
    [(22050, [*range(9)]), (44100, [0, 0, 0, 0, 1, 1, 1, 1, 0]), (48000, [0] * 9), (16000, [*range(9)])],
)
def test_too_few_patches_are_repeated_and_of_too_many_the_first_count(rate, which):
    sound = 0.1 * torch.randn(35280, generator=torch.Generator().manual_seed(0))
    found = LogMelImages(sample_rate=rate).rows(sound)[:, 0]
    distinct = [next(j for j in range(9) if torch.equal(found[j], found[i])) for i in range(9)]
    assert distinct == [which.index(number) for number in which]
    if rate == 16000:
        rows = log_mel(sound)
        assert all(torch.equal(found[i], rows[11 * i : 11 * i + 64]) for i in range(9))


def test_what_is_resampled_keeps_its_tone():
    """A tone of 1 kHz stands in the same band, as loud, whatever the rate."""
    peaks = set()
    for rate, _ in RATES:
        tone = 0.5 * torch.sin(2 * math.pi * 1000 * torch.arange(35280) / rate)
        row = LogMelImages(sample_rate=rate).rows(tone)[0, 0, 32]
        peaks.add((int(row.argmax()), round(float(row.max()), 3)))
    assert len(peaks) == 1


def test_silence_and_a_long_excerpt():
    front = LogMelImages(patches=9, size=(32, 64))
    silent = front(torch.zeros(1))
    assert silent.shape == (1, 9, 32, 64)
    torch.testing.assert_close(silent, torch.full_like(silent, math.log(0.01)))
    torch.testing.assert_close(front(torch.zeros(0)), silent)
    long = torch.randn(40000, generator=torch.Generator().manual_seed(0))
    assert torch.equal(front(long), front(long[2360 : 2360 + 35280])), "its middle"


def test_it_goes_to_other_processes_as_it_is():
    assert pickle.loads(pickle.dumps(LogMelImages(size=(32, 64)))) == LogMelImages(size=(32, 64))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"patches": 0}, "patches = 0, size = "),
        ({"size": (0, 64)}, r"size = \(0, 64\)"),
        ({"sample_rate": 0}, "sample_rate = 0; 35280 samples must last"),
        ({"sample_rate": 96000}, "sample_rate = 96000; 35280 samples must last"),
        ({"sample_rate": 22051}, "sample_rate = 22051 has no usual ratio to 16000; take one such as 22050"),
    ],
)
def test_options_outside_their_range(options, message):
    with pytest.raises(ValueError, match=message):
        LogMelImages(**options)


def test_sound_of_two_channels():
    with pytest.raises(ValueError, match=r"an excerpt of shape \(2, 100\)"):
        LogMelImages()(torch.zeros(2, 100))

"""The Hann waveform against a plain computation with numpy, sample by sample, and against the authors' code.

``golden/audio.npz`` has what the front ends of the authors' code give for noise drawn from a name: ``stavis/`` and
``vinet/`` 64 values spread over the tensor and the 64 in its middle, and the first and last sample of every frame;
``mspi/`` every 23rd value; ``dave/`` the first 64 and 64 spread over the tensor.
"""

import numpy as np
import pytest
import torch
from golden_data import AUDIO as GOLDEN
from golden_data import noise, spread

from avsal_bench.audio.waveform import Waveform, frame_span


def plain_waveform(wave, first, last, fps, rate, frames):
    """The definition, one step at a time: spans of single frames, a symmetric window, the middle of a buffer."""
    starts = [int(max(0, (f - 1) / fps * rate - rate / fps / 2)) for f in range(first, last + 1)]
    ends = [int(min(len(wave) - 1, abs((f - 1) / fps * rate + rate / fps / 2))) for f in range(first, last + 1)]
    excerpt = wave[starts[0] : ends[-1] + 1] * 256
    excerpt = excerpt * np.hanning(len(excerpt))
    buffer = np.zeros(int(22050 / 10 * frames))
    middle = len(buffer) // 2 - len(excerpt) // 2
    buffer[middle : middle + len(excerpt)] = excerpt
    return buffer


@pytest.mark.parametrize(("fps", "first"), [(25.0, 1), (25.0, 40), (29.97003, 7), (12.5, 3), (25.0, 70)])
def test_waveform_is_the_definition(fps, first):
    wave = np.random.default_rng(0).uniform(-1, 1, 70_000)
    front_end = Waveform(16)
    start, stop = front_end.span(first, first + 15, fps, len(wave))
    got = front_end(torch.from_numpy(wave[start:stop]).float())
    want = plain_waveform(wave, first, first + 15, fps, 22050, 16)
    assert got.shape == (1, 35280)
    np.testing.assert_allclose(got[0].numpy(), want, atol=1e-3)


def test_the_papers_buffer_has_70560_samples():
    assert Waveform(32)(torch.zeros(100)).shape == (1, 70560)


def test_silence_and_no_samples_at_all_are_zeros():
    assert not Waveform(16)(torch.zeros(500)).any()
    assert not Waveform(16)(torch.zeros(0)).any()


def test_an_excerpt_longer_than_the_buffer_keeps_its_middle():
    front_end = Waveform(2)
    wave = torch.zeros(6000)
    wave[3000] = 1.0
    out = front_end(wave)[0]
    assert out.argmax() == 3000 - (6000 - 4410) // 2
    # At 10 frames a second the last sample is one too many.
    start, stop = front_end.span(2, 3, 10.0, 100_000)
    assert stop - start == 4411
    assert front_end(torch.ones(stop - start)).shape == (1, 4410)


def test_span_is_clipped_to_the_file():
    assert frame_span(99, 100, 25.0, 22050, 5000) == (5000, 5000)


def test_an_odd_excerpt_of_silence_and_of_one_sample_are_as_long_as_any():
    assert Waveform(16)(torch.zeros(501)).shape == Waveform(16)(torch.ones(1)).shape == (1, 35280)


@pytest.mark.parametrize("excerpt", [torch.zeros(2, 100), torch.zeros(100).double(), torch.zeros(100).short()])
def test_only_mono_float32_is_taken(excerpt):
    with pytest.raises(ValueError, match=r"shape \(.*float32"):
        Waveform(16)(excerpt)


#: Network, frames, samples a second, frames a second, samples. The authors size the buffer for 22 050 Hz at any rate.
CASES = [
    ("stavis", 16, 22050, 25.0, 35280),
    ("vinet/fs22050_fps25", 32, 22050, 25.0, 88200),
    ("vinet/fs22050_fps29.97", 32, 22050, 29.97, 88288),
    ("vinet/fs44100_fps30", 32, 44100, 30.0, 102900),
]


@pytest.mark.parametrize(("case", "frames", "rate", "fps", "n"), CASES)
def test_waveform_is_that_of_the_authors(case, frames, rate, fps, n):
    front_end = Waveform(frames, sample_rate=rate, slowest_fps=10 * rate / 22050)
    wave = noise("waveform", n, 0.125)
    starts, ends = GOLDEN[f"{case}/spans"]
    clips = [k for k in GOLDEN if k.startswith(f"{case}/frame")]
    assert clips
    for key in clips:
        first = int(key.rsplit("frame", 1)[1])
        got = front_end(wave[starts[first] : ends[first + frames - 1] + 1])[0].numpy()
        middle = len(got) // 2
        np.testing.assert_allclose(np.r_[spread(got), got[middle - 32 : middle + 32]], GOLDEN[key], atol=2e-5)


@pytest.mark.parametrize(("case", "frames", "rate", "fps", "n"), CASES)
def test_spans_are_those_of_the_authors(case, frames, rate, fps, n):
    """To one sample: the authors multiply by 1 / fps, and a limit that is a whole number may round the other way."""
    starts, ends = GOLDEN[f"{case}/spans"]
    spans = np.array([frame_span(f, f, fps, rate, n) for f in range(1, len(starts))])
    difference = np.abs(spans - np.stack([starts[1:], np.minimum(ends[1:] + 1, n)], axis=1))
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.05

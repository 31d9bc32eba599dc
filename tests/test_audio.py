"""The Hann waveform against a plain computation with numpy, sample by sample."""

import numpy as np
import pytest
import torch

from avsal_bench.audio import Waveform, frame_span


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

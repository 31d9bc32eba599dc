"""The front ends that look at frequencies against plain computations, and against what the authors' code gives.

The plain ones take a Fourier transform by its matrix, bands by their formula, and patches of the whole sound.
"""

import math
import pickle

import numpy as np
import pytest
import torch
from golden_data import AUDIO as GOLDEN
from golden_data import noise, spread

from avsal_bench.audio.spectra import LogMel, LogMelPatches, LogSpectrogram, log_mel, mel_matrix
from avsal_bench.audio.waveform import frame_span

DFT = np.exp(-2j * np.pi * np.outer(np.arange(512), np.arange(257)) / 512)
FRONT_ENDS = [(LogSpectrogram(), (1, 257, 111)), (LogMel(), (1, 96, 64)), (LogMelPatches(), (3, 16, 64, 64))]
SILENCE = math.log(0.01)


def hann(n):
    """Periodic."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)


def plain_spectrogram(excerpt, columns):
    x = np.r_[excerpt[256:0:-1], excerpt, excerpt[-2:-258:-1]]
    out = np.full((257, columns), 0.02)
    for column in range(min(columns, len(excerpt) // 160 + 1)):
        power = np.abs((x[column * 160 : column * 160 + 512] * hann(512)) @ DFT) ** 2
        log = np.log(power + 1e-6)
        out[:, column] = (log - log.mean()) / (log.std(ddof=1) + 1e-6)
    return out


def plain_bank():
    def mel(f):
        return 1127 * np.log(1 + f / 700)

    edges = [mel(125) + i * (mel(7500) - mel(125)) / 65 for i in range(66)]
    bank = np.zeros((257, 64))
    for k in range(1, 257):
        for band in range(64):
            low, peak, high = edges[band : band + 3]
            m = mel(k * 8000 / 256)
            if low < m < high:
                bank[k, band] = (m - low) / (peak - low) if m <= peak else (high - m) / (high - peak)
    return bank


BANK = plain_bank()


def plain_log_mel(x):
    rows = [x[160 * t : 160 * t + 400] * hann(400) for t in range(1 + (len(x) - 400) // 160)]
    return np.array([np.log(np.abs(row @ DFT[:400]) @ BANK + 0.01) for row in rows])


def plain_patches(rows, frame, hop):
    """The packet of a frame, of the rows of the whole sound: all its patches, then those that belong to the frame."""
    patches = [rows[s : s + 64] for s in range(0, len(rows) - 63, hop)]
    k = min(frame, len(patches))
    packet = patches[max(0, k - 15) : k + 1]
    packet = [packet[0]] * (16 - len(packet)) + packet
    return np.broadcast_to(np.array(packet), (3, 16, 64, 64))


def hear(front_end, wave, first, last, fps, reverse=False, told=False):
    """What `read_audio` of `data/files/sound_files.py` does; with the frame rate told to the front end if wanted."""
    start, stop = front_end.span(first, last, fps, len(wave))
    assert 0 <= start <= stop <= len(wave)
    excerpt = wave[start:stop]
    excerpt = excerpt.flip(0) if reverse else excerpt
    return (front_end(excerpt, fps=fps) if told else front_end(excerpt)).numpy()


def uniform(n, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).uniform(-0.5, 0.5, n).astype(np.float32))


# LogSpectrogram


@pytest.mark.parametrize(("fps", "first", "frames"), [(25.0, 1, 16), (29.97, 12, 16), (30.0, 5, 32), (25.0, 60, 32)])
def test_spectrogram_is_the_definition(fps, first, frames):
    wave = uniform(48_000)
    start, stop = round((first - 1) / fps * 16000), round((first + frames) / fps * 16000)
    got = hear(LogSpectrogram(frames), wave, first, first + 15, fps)
    np.testing.assert_allclose(got[0], plain_spectrogram(wave[start:stop].double().numpy(), 111), atol=2e-4)


def test_spectrogram_of_a_video_at_24_has_71_columns_of_sound():
    got = hear(LogSpectrogram(), uniform(48_000), 1, 16, 24.0)[0]
    assert [(got[:, c] != np.float32(0.02)).any() for c in (0, 70, 71, 110)] == [True, True, False, False]
    assert (hear(LogSpectrogram(32), uniform(48_000), 1, 16, 30.0)[0] != np.float32(0.02)).any(axis=0).all()


def test_spectrogram_of_a_reverse_window_is_that_of_the_sound_backwards():
    wave = uniform(48_000)
    got = hear(LogSpectrogram(), wave, 1, 16, 25.0, reverse=True)
    np.testing.assert_allclose(got[0], plain_spectrogram(wave[:10880].double().numpy()[::-1], 111), atol=2e-4)


@pytest.mark.parametrize("case", [k for k in GOLDEN if k.startswith("mspi/")])
def test_spectrogram_is_that_of_the_authors(case):
    first = int(case.rsplit("start", 1)[1]) + 1
    front_end = LogSpectrogram(16 if "train" in case else 32)
    fps = float(case.split("fps")[1].split("_")[0])
    got = hear(front_end, noise("wav_mono16k", 48_000, 0.1), first, first + 15, fps, reverse="reverse" in case)
    np.testing.assert_allclose(got.ravel()[::23], GOLDEN[case], atol=2e-4)


@pytest.mark.parametrize("n", [0, 1, 256])
def test_too_little_to_reflect_is_no_sound(n):
    assert (LogSpectrogram()(uniform(n)) == 0.02).all()
    assert (LogSpectrogram(fill=-1.0)(uniform(n)) == -1).all()


@pytest.mark.parametrize("level", [0.0, 0.25])
def test_silent_columns_are_zero_and_a_constant_is_finite(level):
    got = LogSpectrogram()(torch.full((1600,), level))[0]
    assert (got[:, 11:] == 0.02).all()
    assert got.isfinite().all()
    if level == 0:
        assert (got[:, :11] == 0).all()


def test_257_samples_are_two_columns():
    got = LogSpectrogram()(uniform(257))[0]
    np.testing.assert_allclose(got, plain_spectrogram(uniform(257).double().numpy(), 111), atol=2e-4)
    assert (got[:, 2:] == 0.02).all()


def test_spectrogram_span_beyond_the_sound_is_empty_and_short_at_its_end():
    assert LogSpectrogram().span(1000, 1015, 25.0, 5000) == (5000, 5000)
    assert LogSpectrogram().span(4, 19, 25.0, 5000) == (1920, 5000)


# LogMel and its bands


def test_bank_is_the_formula():
    np.testing.assert_allclose(mel_matrix().numpy(), BANK, atol=1e-6)
    assert not mel_matrix()[0].any()
    assert mel_matrix().dtype == torch.float32


@pytest.mark.parametrize("n", [400, 559, 560, 15_600, 20_001])
def test_log_mel_is_the_definition(n):
    got = log_mel(uniform(n))
    assert got.shape == (1 + (n - 400) // 160, 64)
    np.testing.assert_allclose(got.numpy(), plain_log_mel(uniform(n).double().numpy()), atol=2e-5)


def test_log_mel_of_less_than_a_window_has_no_rows():
    assert log_mel(uniform(399)).shape == (0, 64)


@pytest.mark.parametrize(("fps", "first"), [(25.0, 1), (25.0, 30), (29.97, 9), (12.5, 3), (25.0, 70)])
def test_example_is_the_sound_of_the_frames_in_the_middle_of_silence(fps, first):
    wave = uniform(45_000)
    start, stop = frame_span(first, first + 15, fps, 16000, len(wave))
    excerpt = wave[start:stop].double().numpy()
    surplus = max(0, len(excerpt) - 15_600)
    excerpt = excerpt[surplus // 2 : surplus // 2 + 15_600]
    buffer = np.zeros(15_600)
    at = 7800 - len(excerpt) // 2
    buffer[at : at + len(excerpt)] = excerpt
    got = hear(LogMel(), wave, first, first + 15, fps)
    np.testing.assert_allclose(got[0], plain_log_mel(buffer), atol=2e-5)


# LogMelPatches


@pytest.mark.parametrize(("fps", "hop"), [(25.0, 4), (30.0, 3), (22.0, 5), (50.0, 2)])
def test_patches_are_the_definition(fps, hop):
    wave = uniform(40_000)
    rows = plain_log_mel(wave.double().numpy())
    n = 1 + (1 + (40_000 - 400) // 160 - 64) // hop
    for last in (1, 2, 7, 14, 15, 16, 17, n - 1, n, n + 1, n + 40):
        want = plain_patches(rows, last, hop)
        first = max(1, last - 15)
        ways = [(LogMelPatches(), True), (LogMelPatches(hop=1 / fps), False)]
        if last >= 15:
            ways.append((LogMelPatches(), False))
        for front_end, told in ways:
            got = hear(front_end, wave, first, last, fps, told=told)
            np.testing.assert_allclose(got, want, atol=5e-5, err_msg=f"frame {last}, {front_end}, {told=}")


def test_patches_are_those_of_the_authors(subtests):
    for case in [k for k in GOLDEN if k.startswith("dave/")]:
        with subtests.test(case=case):
            _, hop, last = case.split("/")
            seconds = {"hop0.02": 0.02, "hop1over25": 1 / 25, "hop1over30": 1 / 30}[hop]
            frame = int(last.removeprefix("frame"))
            got = hear(LogMelPatches(hop=seconds), noise("waveform", 64_000, 0.125), max(1, frame - 15), frame, 25.0)
            np.testing.assert_allclose(np.r_[got.ravel()[:64], spread(got)], GOLDEN[case], atol=2e-5)


def test_an_early_frame_of_unknown_rate_hears_patches_spread_over_its_excerpt():
    wave = uniform(40_000)
    rows = plain_log_mel(wave.double().numpy())
    got = hear(LogMelPatches(), wave, 1, 4, 25.0)
    for i in range(16):
        np.testing.assert_allclose(got[0, i], rows[round(i * 16 / 15) :][:64], atol=5e-5)


def test_a_hop_that_is_not_rounded_stays_in_step():
    long = 10_000_000
    rounded = LogMelPatches().span(1785, 1800, 30.0, long)[0]
    start, stop = LogMelPatches(in_step=True).span(1785, 1800, 30.0, long)
    assert abs(start / 16000 - 1785 / 30) <= 0.005
    assert start - rounded == pytest.approx(16000 * 1785 * (1 / 30 - 0.03), abs=80)
    assert stop - start == 50 * 160 + 10_480
    wave = uniform(60_000)
    rows = plain_log_mel(wave.double().numpy())
    for told in (False, True):
        got = hear(LogMelPatches(in_step=True), wave, 21, 36, 30.0, told=told)
        at = [int(21 * 10 / 3 + 0.5) + round(i * 50 / 15) for i in range(16)]
        np.testing.assert_allclose(got[0], np.array([rows[s : s + 64] for s in at]), atol=5e-5)


def test_patches_of_a_reverse_window_are_the_same_backwards():
    wave = uniform(40_000)
    there, back = (hear(LogMelPatches(), wave, 1, 16, 25.0, reverse=r) for r in (False, True))
    # A periodic window is not symmetric, so the rows are only near.
    np.testing.assert_allclose(back[:, ::-1, ::-1], there, atol=1.5)
    assert np.abs(back[:, ::-1, ::-1] - there).mean() < 0.05
    assert np.abs(back - there).mean() > 0.2


@pytest.mark.parametrize("n", [0, 1, 300, 10_479])
def test_less_than_a_patch_is_one_patch_with_silence_after_it(n):
    wave = uniform(n)
    assert LogMelPatches().span(3, 18, 25.0, n) == (0, n)
    got = LogMelPatches()(wave).numpy()
    padded = np.r_[wave.double().numpy(), np.zeros(10_480 - n)]
    np.testing.assert_allclose(got, np.broadcast_to(plain_log_mel(padded), (3, 16, 64, 64)), atol=2e-5)


def test_channels_are_equal():
    assert LogMelPatches(channels=1)(uniform(20_000)).shape == (1, 16, 64, 64)
    got = LogMelPatches()(uniform(20_000))
    assert torch.equal(got[0], got[1])
    assert torch.equal(got[0], got[2])


@pytest.mark.parametrize(("kwargs", "words"), [({"hop": 0.0}, "hop = 0"), ({"patches": 1}, "patches = 1")])
def test_impossible_patches(kwargs, words):
    with pytest.raises(ValueError, match=words):
        LogMelPatches(**kwargs)


# All of them


def test_shape_is_the_same_for_any_excerpt(subtests):
    for front_end, shape in FRONT_ENDS:
        for n in [0, 1, 257, 9_999, 10_880, 20_080, 100_000]:
            with subtests.test(front_end=front_end, shape=shape, n=n):
                got = front_end(uniform(n))
                assert got.shape == shape
                assert got.dtype == torch.float32
                assert got.isfinite().all()
                assert torch.equal(got, front_end(uniform(n)))


def test_muted_sound_is_one_value(subtests):
    for front_end, value in [(LogSpectrogram(), 0.02), (LogMel(), SILENCE), (LogMelPatches(), SILENCE)]:
        for n in [0, 1, 200]:
            with subtests.test(front_end=front_end, value=value, n=n):
                np.testing.assert_allclose(front_end(torch.zeros(n)), np.float32(value), rtol=1e-6)


@pytest.mark.parametrize(("front_end", "shape"), FRONT_ENDS)
def test_long_silence_differs_from_sound(front_end, shape):
    silence, sound = front_end(torch.zeros(20_080)), front_end(uniform(20_080))
    assert silence.isfinite().all()
    assert silence.unique().numel() == 1
    assert (silence - sound).abs().mean() > 0.5


def test_only_mono_float32_is_taken(subtests):
    for front_end, shape in FRONT_ENDS:
        for excerpt in [torch.zeros(2, 1000), torch.zeros(1000).double(), torch.zeros(1000).short()]:
            wrong = pytest.raises(ValueError, match=r"shape \(.*float32")
            with subtests.test(front_end=front_end, shape=shape, dtype=excerpt.dtype), wrong:
                front_end(excerpt)


@pytest.mark.parametrize(("front_end", "shape"), FRONT_ENDS)
def test_front_ends_do_not_change_the_excerpt_and_travel_to_workers(front_end, shape):
    excerpt = uniform(12_000)
    got = front_end(excerpt)
    assert torch.equal(excerpt, uniform(12_000))
    twin = pickle.loads(pickle.dumps(front_end))
    assert twin == front_end
    assert hash(twin) == hash(front_end)
    assert torch.equal(twin(excerpt), got)
    assert front_end.sample_rate == 16000

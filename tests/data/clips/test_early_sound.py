"""The front end that hears other frames than those of the clip, against its definition in numpy, under every sound."""

import numpy as np
import pytest
import soundfile
import torch
from conftest import write_list, write_video

from avsal_bench.audio import EarlyWaveform, HeardFrames, TwoSounds, Waveform
from avsal_bench.data.clips.sounds import Given, hear
from avsal_bench.data.dataset import dataset
from avsal_bench.data.files.sound_files import heard_frames
from avsal_bench.data.windows import Window, window

RATE, T = 8000, 32


def front_end(**more):
    """One whose buffer holds 32 frames at 20 a second, of a sound of few samples."""
    return EarlyWaveform(T, sample_rate=RATE, **more)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Videos of 100, 100 and 20 frames, with noise that is longer than the last of them."""
    root = tmp_path_factory.mktemp("early")
    lengths = {"one": 100, "two": 100, "short": 20}
    for number, (name, n_frames) in enumerate(lengths.items()):
        write_video(root, "AVAD", name, n_frames, size=(12, 12), seed=number)
        noise = np.random.default_rng(number).uniform(-0.5, 0.5, RATE * 4).astype(np.float32)
        soundfile.write(root / "video_audio" / "AVAD" / name / f"{name}.wav", noise, RATE, subtype="FLOAT")
    lines = "".join(f"{name} {n} 25.0\n" for name, n in lengths.items())
    for part in ("train", "test"):
        write_list(root, "AVAD", part, "_1", ("# overlaps\n" if part == "test" else "") + lines)
    return root


@pytest.fixture
def videos(root):
    return {video.name: video for video in dataset("avad").videos(root, "test", 1)}


def samples(number):
    return np.random.default_rng(number).uniform(-0.5, 0.5, RATE * 4).astype(np.float32)


def by_definition(wave, frame, n_frames, later=0, fps=25.0):
    """The authors' way: spans of single frames, counted from 0; the first windows turned around. Or samples later."""
    f = frame - 1
    s = max(0, f - 32)
    n = RATE / fps
    start = int(max(0, s * n - n / 2))
    end = int(min(len(wave), abs((min(s + 32, n_frames) - 1) * n + n / 2)))
    excerpt = wave[start + later : end + 1 + later]
    if f < 32:
        excerpt = excerpt[::-1]
    buffer = np.zeros(int(RATE / 20 * 32))
    middle = len(buffer) // 2 - len(excerpt) // 2
    buffer[middle : middle + len(excerpt)] = excerpt * 2.0**15 * 2.0**-23 * np.hanning(len(excerpt))
    return buffer


def heard(video, frame, sound="original", partner=None, form=None):
    clip = window(frame, video.n_frames, T, "last", "repeat")
    return hear(video, clip, form or front_end(), sound, partner and Given(partner))


@pytest.mark.parametrize(("name", "frame"), [("one", f) for f in (1, 5, 32, 33, 34, 70, 100)] + [("short", 20)])
def test_it_is_the_definition(videos, name, frame):
    got = heard(videos[name], frame)
    want = by_definition(samples({"one": 0, "short": 2}[name]), frame, videos[name].n_frames)
    assert got.shape == (1, 12800, 1)
    assert np.abs(want).max() > 1e-3
    np.testing.assert_allclose(got[0, :, 0].numpy(), want, atol=1e-9)


def test_a_window_and_the_next_hear_other_samples_but_for_the_first_ones(videos):
    first, thirty_second, next_one = (heard(videos["one"], frame) for frame in (1, 32, 33))
    assert torch.equal(first, thirty_second), "all of the first 32 windows hear the same, backwards"
    assert torch.equal(first.count_nonzero(), next_one.count_nonzero())
    # An odd number of samples comes to lie one sample earlier when the whole buffer is turned around.
    torch.testing.assert_close(next_one[0, 1:], first.flip(1)[0, :-1], atol=1e-9, rtol=0)
    assert not torch.allclose(heard(videos["one"], 34), next_one)


@pytest.mark.parametrize("frame", [10, 60])
def test_other_sounds_go_the_same_way(videos, frame):
    one, two = videos["one"], videos["two"]
    assert not heard(one, frame, "muted").any()
    np.testing.assert_allclose(
        heard(one, frame, "swapped", two)[0, :, 0].numpy(), by_definition(samples(1), frame, 100), atol=1e-9
    )
    noise, shifted, original = (heard(one, frame, sound) for sound in ("noise", "shifted", "original"))
    assert noise.square().sum() == pytest.approx(original.square().sum().item(), rel=0.1)
    assert not torch.allclose(noise, original)
    # An even frame hears a second earlier, and a second later where there is nothing earlier.
    by = {60: -RATE, 10: RATE}[frame]
    np.testing.assert_allclose(shifted[0, :, 0].numpy(), by_definition(samples(0), frame, 100, by), atol=1e-9)


def test_no_sound_at_all_is_zeros():
    assert not EarlyWaveform(T)(torch.zeros(1)).any()
    assert EarlyWaveform(T)(torch.zeros(1)).shape == (1, 70560, 1)


def test_as_one_of_two_sounds(videos):
    both = TwoSounds(front_end(), Waveform(4, sample_rate=RATE))
    clip, target = both.parts(heard(videos["one"], 60, form=both)[None])
    assert torch.equal(clip[0], heard(videos["one"], 60))
    assert torch.equal(target[0], hear(videos["one"], Window(60, (60,)), both.target))


@pytest.mark.parametrize("frames", [(40, 39, 38), (38, 39, 40), (1, 1, 2)])
def test_any_other_front_end_hears_the_frames_of_its_clip(videos, frames):
    found = heard_frames(videos["one"], Window(frames[-1], frames), Waveform(3))
    assert found == HeardFrames(min(frames), max(frames), frames[0] > frames[-1])


@pytest.mark.parametrize("fps", [24.0, 25.0, 30.0, 30000 / 1001, 20.0])
def test_samples_of_a_frame_are_divided_out_first(fps):
    """As the authors count: one sample of 44 100 a second decides which way a rounding goes."""
    form = EarlyWaveform(T)
    n = 44100 / fps
    for first in (1, 2, 3, 47, 500, 1234):
        start, stop = form.span(first, first + 31, fps, 10**9)
        assert (start, stop - 1) == (int(max(0, (first - 1) * n - n / 2)), int((first + 30) * n + n / 2))
    assert form.span(500, 531, fps, 1000) == (1000, 1000), "nothing is heard behind the end"


def test_an_excerpt_longer_than_the_buffer_keeps_its_middle():
    wave = torch.zeros(90_000)
    wave[45_000] = 1.0
    found = EarlyWaveform(T)(wave)[0, :, 0]
    assert found.argmax() == 45_000 - (90_000 - 70_560) // 2
    assert found.max() == pytest.approx(2**-8, rel=1e-6)

"""What a network hears in a test window in the place of the true sound: every rule, on sounds whose samples tell."""

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import pytest
import soundfile
import torch
from conftest import write_list, write_video
from torch.utils.data import DataLoader

from avsal_bench.audio.waveform import Waveform, frame_span
from avsal_bench.data.clips import sound_levels
from avsal_bench.data.clips.data_config import DataConfig
from avsal_bench.data.clips.datamodule import SaliencyDataModule
from avsal_bench.data.clips.items import read_item
from avsal_bench.data.clips.sound_levels import levels_of
from avsal_bench.data.clips.sounds import Given, hear, matches, noise_like, partners, shift_of, swaps_of
from avsal_bench.data.dataset import dataset
from avsal_bench.data.windows import window
from avsal_bench.records import SOUNDS
from avsal_bench.spec import ClipSpec, Sound

RATE, T = 8000, 5


@dataclass(frozen=True)
class Plain:
    """A front end that gives the excerpt as it is."""

    sample_rate: int = RATE

    def span(self, first, last, fps, n_samples):
        return frame_span(first, last, fps, self.sample_rate, n_samples)

    def __call__(self, excerpt):
        return excerpt


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Three videos of AVAD whose samples count up, each from a number of its own: 4 s, 4 s, and 1.5 s."""
    root = tmp_path_factory.mktemp("sounds")
    lengths = {"one": 100, "two": 100, "short": 37}
    for number, (name, n_frames) in enumerate(lengths.items(), start=1):
        write_video(root, "AVAD", name, n_frames, size=(12, 12), seed=number)
        rewrite(root, name, counting(number, round(RATE * n_frames / 25)))
    lines = "".join(f"{name} {n} 25.0\n" for name, n in lengths.items())
    for part in ("train", "test"):
        write_list(root, "AVAD", part, "_1", ("# overlaps\n" if part == "test" else "") + lines)
    return root


def counting(number, n):
    return number / 10 + np.arange(n) / 1e6


def rewrite(root, name, samples, rate=RATE):
    soundfile.write(root / "video_audio" / "AVAD" / name / f"{name}.wav", samples, rate, subtype="FLOAT")


@pytest.fixture
def videos(root):
    return {video.name: video for video in dataset("avad").videos(root, "test", 1)}


def heard(video, frame, sound, partner=None, rate=RATE, gain=1.0):
    clip = window(frame, video.n_frames, T)
    return hear(video, clip, Plain(rate), sound, partner and Given(partner, gain)).numpy()


def span(frame, n_frames=100):
    clip = window(frame, n_frames, T)
    return frame_span(clip.first, clip.last, 25.0, RATE, round(RATE * n_frames / 25))


def same(found, expected):
    np.testing.assert_allclose(found, expected, atol=2e-8)


def test_records_and_networks_know_the_same_sounds():
    assert Sound.__args__ == SOUNDS


def test_every_video_is_given_the_sound_of_another_and_every_sound_is_used(videos):
    found = partners(list(videos.values()))
    assert {partner.key for partner in found.values()} == found.keys() == {v.key for v in videos.values()}
    assert all(partner.key != key for key, partner in found.items())
    assert {k: p.name for k, p in partners(list(videos.values())[::-1]).items()} == {
        k: p.name for k, p in found.items()
    }
    order = sorted(found, key=lambda key: hashlib.sha1(key.encode()).hexdigest())
    assert [found[key].key for key in order] == [*order[1:], order[0]]


def test_partners_are_of_the_same_set(videos):
    other = [replace(video, dataset="diem") for video in videos.values()]
    found = partners([*videos.values(), *other])
    assert all(key.split("/")[0] == partner.dataset for key, partner in found.items())
    assert len(found) == 6


def test_partners_are_of_the_same_category_and_a_video_alone_in_its_own_hears_any_other(videos):
    kinds = ["timbre", "silent", "timbre", "silent", "offscreen", "timbre"]
    listed = [replace(videos["one"], name=f"v{i}", category=kind) for i, kind in enumerate(kinds)]
    found = {video.name: partners(listed)[video.key] for video in listed}
    assert {found[name].name for name in ("v0", "v2", "v5")} == {"v0", "v2", "v5"}
    assert (found["v1"].name, found["v3"].name) == ("v3", "v1")
    order = sorted(listed, key=lambda video: hashlib.sha1(video.key.encode()).hexdigest())
    assert found["v4"] == order[(order.index(listed[4]) + 1) % 6]
    assert all(partner.name != name for name, partner in found.items())


def test_a_lone_video_and_one_that_is_listed_twice_have_no_partner(videos):
    with pytest.raises(ValueError, match=r"avad: one test video, avad/one; sounds are swapped between two or more"):
        partners([videos["one"]])
    with pytest.raises(ValueError, match="avad: a video stands in the test list twice"):
        partners([videos["one"], videos["two"], videos["one"]])


def tone(level, n=32000, every=1):
    """A tone of a level in dB below full scale; with ``every`` 2, in every second half of a second only."""
    samples = np.sqrt(2) * np.sin(2 * np.pi * 400 * np.arange(n) / RATE)
    samples *= np.arange(n) // (RATE // 2) % every == 0
    return 10 ** (level / 20) * samples / np.sqrt(np.mean(samples**2))


@pytest.fixture
def levelled(root, videos):
    """Writes sounds of videos and gives the videos, named by them, in the categories given."""

    def make(sounds, categories=()):
        kinds = [*categories, *[""] * (len(sounds) - len(categories))]
        made = []
        for kind, (name, samples) in zip(kinds, sounds.items(), strict=True):
            path = root / "levels" / f"{name}.wav"
            path.parent.mkdir(exist_ok=True)
            soundfile.write(path, samples, RATE, subtype="FLOAT")
            made.append(replace(videos["one"], name=name, audio=path, category=kind))
        return made

    return make


def test_the_level_of_a_sound_is_its_root_mean_square_and_how_uneven_it_is(levelled):
    names = {"even": tone(-20), "uneven": tone(-20, every=2), "silent": np.zeros(RATE), "short": tone(-30, 100)}
    even, uneven, silent, short = levels_of(levelled(names))
    assert (even.rms, even.spread) == (-20.0, pytest.approx(0, abs=0.01))
    # Half of it is 3 dB louder, the other half is counted as 60 dB below the whole.
    assert (uneven.rms, uneven.spread) == (-20.0, pytest.approx(63.01 / 2, abs=0.01))
    assert (silent.sounds, short.sounds, short.rms) == (False, True, pytest.approx(-30, abs=0.05))
    assert even.distance(silent) == silent.distance(silent) == np.inf
    assert even.distance(uneven) == pytest.approx(uneven.spread, abs=0.02)


def test_a_sound_is_listened_to_once_and_again_when_it_was_written_to(levelled, monkeypatch):
    [video] = levelled({"once": tone(-20)})
    listened = []
    blocks = sound_levels.sound_blocks
    monkeypatch.setattr(sound_levels, "sound_blocks", lambda *of: listened.append(of) or blocks(*of))
    assert levels_of([video, video])[0] == levels_of([video])[0]
    assert len(listened) == 1
    levelled({"once": tone(-25, 8000)})
    assert levels_of([video])[0].rms == -25.0
    assert len(listened) == 2


def test_levels_are_those_of_the_mean_of_the_channels(root, levelled):
    [video] = levelled({"stereo": np.stack([tone(-20), -tone(-20)], 1)})
    assert not levels_of([video])[0].sounds
    [video] = levelled({"stereo": np.stack([tone(-20), tone(-20)], 1)})
    assert levels_of([video])[0].rms == -20.0


def test_a_matched_sound_is_the_nearest_in_loudness_made_as_loud(levelled):
    listed = levelled({"a": tone(-20), "b": tone(-26), "c": tone(-24, every=2), "d": tone(-50)})
    found = matches(listed)
    # c is only 4 dB softer than a, and heard in every second half of a second alone.
    assert {key.split("/")[1]: given.video.name for key, given in found.items()} == {
        "a": "b",
        "b": "a",
        "c": "b",
        "d": "b",
    }
    given = found["avad/a"]
    assert (given.louder, given.gain) == (-6.0, pytest.approx(10 ** (6 / 20)))
    same(heard(listed[0], 50, "matched", given.video, gain=given.gain), tone(-20)[slice(*span(50))])
    assert {k: g.video.name for k, g in matches(listed[::-1]).items()} == {k: g.video.name for k, g in found.items()}
    assert all(given.video.key != key for key, given in found.items())


def test_a_matched_sound_is_of_the_category_before_it_is_near(levelled):
    levels = {"a": tone(-20), "b": tone(-20.5), "c": tone(-40), "d": tone(-21.5)}
    found = matches(levelled(levels, ["speech", "music", "speech", "noise"]))
    assert {key.split("/")[1]: given.video.name for key, given in found.items()} == {
        "a": "c",
        "b": "a",
        "c": "a",
        "d": "b",
    }


def test_silence_matches_nothing_and_stays_silence(levelled):
    listed = levelled({"a": tone(-20), "b": np.zeros(32000), "c": tone(-60)}, ["x", "x", "y"])
    found = matches(listed)
    assert (found["avad/a"].video.name, found["avad/c"].video.name) == ("c", "a"), "b is of a's category, and silent"
    silent = found["avad/b"]
    assert (silent.gain, silent.louder) == (0.0, None)
    assert not heard(listed[1], 50, "matched", silent.video, gain=silent.gain).any()
    only = levelled({"a": tone(-20), "b": np.zeros(32000)})
    with pytest.raises(ValueError, match=r"avad: only avad/a has anything in its sound, so no other is as loud; leave"):
        matches(only)


def test_swaps_are_those_of_the_sounds_that_are_asked_for(videos):
    listed = list(videos.values())
    assert swaps_of(listed, ["original", "muted", "noise"]) == {}
    found = swaps_of(listed, ["swapped", "matched"])
    assert {key: given.video for key, given in found["swapped"].items()} == partners(listed)
    assert {given.gain for given in found["swapped"].values()} == {1.0}
    assert found["matched"] == matches(listed)
    for sound in ("swapped", "matched"):
        with pytest.raises(ValueError, match="avad: one test video, avad/one"):
            swaps_of(listed[:1], [sound])


def test_a_sound_that_cannot_be_read_is_named_before_anything_is_matched(root, videos, levelled):
    a, b = levelled({"a": tone(-20), "b": tone(-20)})
    b.audio.write_bytes(b"no sound")
    with pytest.raises(ValueError, match=r"b\.wav"):
        matches([a, b])
    with pytest.raises(FileNotFoundError, match="avad/b: missing sound"):
        matches([a, replace(b, audio=root / "gone.wav")])


def test_muted_is_one_sample_of_silence(videos):
    assert heard(videos["one"], 50, "muted").tolist() == [0.0]


@pytest.mark.parametrize("frame", [50, 100])
def test_a_swapped_sound_is_the_same_seconds_of_the_partner(videos, frame):
    start, stop = span(frame)
    same(heard(videos["one"], frame, "original"), counting(1, 32000)[start:stop])
    same(heard(videos["one"], frame, "swapped", videos["two"]), counting(2, 32000)[start:stop])


def test_a_reverse_window_hears_every_sound_backwards(videos):
    start, stop = span(2)
    assert window(2, 100, T).reverse
    same(heard(videos["one"], 2, "swapped", videos["two"]), counting(2, 32000)[start:stop][::-1])
    same(heard(videos["one"], 2, "shifted"), counting(1, 32000)[start + RATE : stop + RATE][::-1])


def test_a_partner_that_is_over_begins_again(videos):
    """Shorter than the video, and shorter than a clip: the excerpt has the length of the true one, and no silence."""
    short = counting(3, round(RATE * 37 / 25))
    start, stop = span(80)
    same(heard(videos["one"], 80, "swapped", videos["short"]), np.resize(short, stop)[start:])
    assert stop > len(short)


def test_a_partner_shorter_than_the_clip_goes_round_within_it(root, videos):
    tiny = counting(4, 300)
    rewrite(root, "short", tiny)
    try:
        for frame in (3, 37, 90):
            start, stop = span(frame)
            clip = window(frame, 100, T)
            expected = np.resize(tiny, stop)[start:]
            found = heard(videos["one"], frame, "swapped", videos["short"])
            same(found, expected[::-1] if clip.reverse else expected)
            assert len(found) > len(tiny)
    finally:
        rewrite(root, "short", counting(3, round(RATE * 37 / 25)))


def test_a_partner_of_other_rates_is_heard_from_the_same_second_on(root, videos):
    """44.1 kHz, and 10 frames a second: seconds count, by the frame rate of the video that is seen."""
    tone = np.sin(2 * np.pi * 200 * np.arange(44100 * 4) / 44100)
    rewrite(root, "two", tone, 44100)
    try:
        slow = replace(videos["two"], fps=10.0, n_frames=40)
        start, stop = span(50)
        found = heard(videos["one"], 50, "swapped", slow)
        assert len(found) == stop - start
        expected = np.sin(2 * np.pi * 200 * np.arange(start, stop) / RATE)
        np.testing.assert_allclose(found, expected, atol=2e-3)
    finally:
        rewrite(root, "two", counting(2, 32000))


def test_a_partner_without_samples_or_without_a_file_is_an_error_that_names_it(root, videos):
    rewrite(root, "short", np.zeros(0))
    try:
        with pytest.raises(ValueError, match=r"short.wav: a sound without samples"):
            heard(videos["one"], 50, "swapped", videos["short"])
    finally:
        rewrite(root, "short", counting(3, round(RATE * 37 / 25)))
    with pytest.raises(FileNotFoundError, match="missing sound"):
        heard(videos["one"], 50, "swapped", replace(videos["two"], audio=root / "gone.wav"))
    for sound in ("swapped", "matched"):
        with pytest.raises(ValueError, match="avad/one: whose sound it is to hear is not said"):
            heard(videos["one"], 50, sound)


@pytest.mark.parametrize(("frame", "by"), [(51, RATE), (50, -RATE), (8, RATE), (7, RATE), (99, -RATE), (100, -RATE)])
def test_odd_frames_hear_a_later_second_and_even_ones_an_earlier_one_where_there_is_room(videos, frame, by):
    start, stop = span(frame)
    same(heard(videos["one"], frame, "shifted"), counting(1, 32000)[start + by : stop + by])


@pytest.mark.parametrize(("frame", "sign"), [(19, 1), (20, -1)])
def test_a_sound_of_under_two_seconds_goes_round_by_half_its_length(videos, frame, sign):
    """1.48 s: by 0.74 s."""
    n = round(RATE * 37 / 25)
    samples, half = counting(3, n), n // 2
    start, stop = span(frame, 37)
    by = shift_of(frame, start, stop, n, RATE)
    inside = start + by >= 0 and stop + by <= n
    assert abs(by) == half
    assert inside or by == sign * half
    same(heard(videos["short"], frame, "shifted"), np.take(samples, np.arange(start + by, stop + by), mode="wrap"))


def test_a_shift_that_fits_neither_way_goes_round():
    assert shift_of(1, 0, 2500, 3000, 1000) == 1000
    assert shift_of(2, 400, 2900, 3000, 1000) == -1000


def test_noise_is_as_loud_as_the_true_excerpt_and_white(videos):
    found = heard(videos["one"], 50, "noise")
    true = heard(videos["one"], 50, "original")
    assert len(found) == len(true)
    assert np.sqrt(np.mean(found.astype(float) ** 2)) == pytest.approx(
        np.sqrt(np.mean(true.astype(float) ** 2)), rel=1e-6
    )
    long = noise_like(torch.full((50_000,), 0.25), "any").double().numpy()
    assert abs(long.mean()) < 0.005
    assert abs(np.mean(long[1:] * long[:-1])) / 0.25**2 < 0.02


def test_noise_is_drawn_by_video_and_frame_alone(videos):
    found = [heard(videos["one"], 50, "noise") for _ in range(2)]
    np.testing.assert_array_equal(*found)
    assert not np.array_equal(found[0], heard(videos["one"], 51, "noise"))
    renamed = replace(videos["one"], name="two")
    assert not np.array_equal(found[0], heard(renamed, 50, "noise"))


def test_noise_in_the_place_of_silence_is_silence(root, videos):
    rewrite(root, "two", np.zeros(32000))
    try:
        assert not heard(videos["two"], 50, "noise").any()
    finally:
        rewrite(root, "two", counting(2, 32000))


@pytest.mark.parametrize("sound", ["swapped", "matched", "shifted", "noise"])
def test_where_the_true_sound_is_over_nothing_is_heard(root, videos, sound):
    rewrite(root, "two", counting(2, 24000))
    try:
        assert heard(videos["two"], 100, sound, videos["one"]).tolist() == [0.0]
    finally:
        rewrite(root, "two", counting(2, 32000))


SPEC = ClipSpec(frames=T, size=(8, 8), audio=Waveform(T))


def test_several_sounds_come_with_the_same_frames_each_as_it_comes_alone(videos):
    partner = videos["short"]
    item = read_item(videos["one"], 30, SPEC, others=SOUNDS[1:], partner=partner)
    assert item["others"].shape == (5, *item["audio"].shape)
    for sound, others in zip(SOUNDS[1:], item["others"], strict=True):
        assert torch.equal(others, read_item(videos["one"], 30, SPEC, sound, partner=partner)["audio"]), sound
    # Swapped and matched are the same here, as nothing says how much louder the other sound is.
    assert len({tuple(x.flatten().tolist()) for x in (item["audio"], *item["others"])}) == 5
    assert "others" not in read_item(videos["one"], 30, SPEC)
    assert "others" not in read_item(videos["one"], 30, replace(SPEC, audio=None), others=SOUNDS[1:])


def module(root, workers=0, skip=(), rank=(0, 1)):
    data = SaliencyDataModule(
        DataConfig({"avad": root}, test_batch_size=16, num_workers=workers, others=SOUNDS[1:]), SPEC
    )
    data.skip = set(skip)
    data._rank = lambda: rank
    return data


def heard_by_frame(loader: DataLoader):
    return {
        (video, frame): sounds
        for batch in loader
        for video, frame, sounds in zip(batch["video"], batch["frame"], batch["others"], strict=True)
    }


@pytest.mark.slow
def test_workers_processes_and_a_resumed_test_hear_the_same(root):
    whole = heard_by_frame(module(root).predict_dataloader())
    assert len(whole) == 237
    with_workers = heard_by_frame(module(root, workers=2).predict_dataloader())
    two = [heard_by_frame(module(root, rank=(r, 2)).predict_dataloader()) for r in (0, 1)]
    assert not two[0].keys() & two[1].keys()
    resumed = heard_by_frame(module(root, skip={"avad/two"}).predict_dataloader())
    assert {video for video, _ in resumed} == {"one", "short"}
    for found in (with_workers, two[0] | two[1]):
        assert found.keys() == whole.keys()
    for found in (with_workers, *two, resumed):
        assert all(torch.equal(sounds, whole[place]) for place, sounds in found.items())

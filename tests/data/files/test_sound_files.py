"""Sound files of every kind: what is in them counts and not their names, and what is no sound is an error."""

import os
import struct
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest
import soundfile
import torch
import torchaudio
from conftest import write_list, write_video

from avsal_bench.data.dataset import dataset
from avsal_bench.data.files.presence import check_video, sound_seconds
from avsal_bench.data.files.resampling import Excerpt, resample
from avsal_bench.data.files.sound_files import read_audio, read_sound, sound_header
from avsal_bench.data.places import SOUND_SUFFIXES
from avsal_bench.data.windows import Window

N_FRAMES = 50


class Plain:
    """A front end that gives what it is told to hear, as it is."""

    def __init__(self, rate=22050):
        self.sample_rate = rate

    def span(self, first, last, fps, n_samples):
        return round((first - 1) / fps * self.sample_rate), min(round(last / fps * self.sample_rate), n_samples)

    def __call__(self, excerpt):
        return excerpt


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A video of 2 s at 25 frames a second, with a click at 1 s in its wav."""
    root = tmp_path_factory.mktemp("sounds")
    write_video(root, "AVAD", "clip", N_FRAMES, size=(12, 12), seed=1)
    for part, name in (("train", "other"), ("test", "clip")):
        write_list(root, "AVAD", part, "_1", f"{name} {N_FRAMES} 25.0\n")
    return root


@pytest.fixture
def video(root, tmp_path):
    """It, with a sound that the test writes."""
    return replace(dataset("avad").videos(root, "test", 1)[0], audio=tmp_path / "clip.wav")


def clicking(rate=22050, seconds=2.0):
    samples = (0.01 * np.random.default_rng(0).standard_normal(round(rate * seconds))).astype(np.float32)
    samples[rate : rate + rate // 1000] = 0.9
    return samples


def encode(path, codec, kind=None, samples=None, rate=48000):
    samples = clicking(rate) if samples is None else samples
    with av.open(path, "w", format=kind) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        for packet in (*stream.encode(frame), *stream.encode()):
            container.mux(packet)
    return path


def heard_at(video):
    """The second of the click by the whole sound, and by excerpts of single frames."""
    whole, rate = read_sound(video)
    frames = [read_audio(video, Window(n, (n,)), Plain()) for n in range(1, N_FRAMES + 1)]
    loudest = max(range(N_FRAMES), key=lambda i: float(frames[i].abs().max()))
    return float(whole.abs().argmax()) / rate, loudest / 25 + float(frames[loudest].abs().argmax()) / 22050


KINDS = [
    ("mp3", None, 0.002),
    ("aac", "adts", 0.025),  # raw AAC does not tell of its encoder's delay
    ("aac", "mp4", 0.002),
    ("flac", "flac", 0.001),
    ("flac", "ogg", 0.001),
    ("libopus", "ogg", 0.002),
    ("libopus", "webm", 0.002),
    ("pcm_s16le", "wav", 0.001),
    ("pcm_s24le", "w64", 0.001),
    ("pcm_s16be", "aiff", 0.001),
    ("adpcm_ms", "wav", 0.001),
    ("mp3", "wav", 0.06),  # nor does a wav that holds an mp3
    ("ac3", "ac3", 0.03),
]


@pytest.mark.parametrize(("codec", "kind", "late"), KINDS)
def test_a_sound_of_any_kind_under_the_name_wav(video, codec, kind, late):
    encode(video.audio, codec, kind or codec)
    assert heard_at(video) == pytest.approx((1.0, 1.0), abs=late)
    assert sound_seconds(video.audio) == pytest.approx(2.0, abs=0.1)
    check_video(video, audio=True)


@pytest.mark.parametrize("suffix", SOUND_SUFFIXES)
def test_a_set_may_have_sounds_of_any_ending(root, suffix):
    folder = root / "video_audio" / "AVAD" / "clip"
    wav = folder / "clip.wav"
    kept = wav.read_bytes()
    wav.unlink()
    codec, kind = {".m4a": ("aac", "mp4"), ".mp3": ("mp3", None), ".flac": ("flac", None), ".aac": ("aac", "adts")}.get(
        suffix, ("libopus", "ogg") if suffix in (".ogg", ".opus") else ("pcm_s16le", None)
    )
    path = encode(folder / f"clip{suffix}", codec, kind)
    try:
        (found,) = dataset("avad").videos(root, "test", 1)
        assert found.audio == path
        assert heard_at(found) == pytest.approx((1.0, 1.0), abs=0.03)
        if suffix != ".wav":
            wav.write_bytes(kept)
            with pytest.raises(
                ValueError, match=rf"clip.wav and .*clip\{suffix} are both files of one video; keep one"
            ):
                dataset("avad").videos(root, "test", 1)
    finally:
        path.unlink()
        wav.write_bytes(kept)


def test_a_wav_of_a_codec_that_cannot_be_searched(video):
    samples = np.concatenate([np.zeros(8000), 0.9 * np.sin(np.arange(40)), np.zeros(7960)])
    soundfile.write(video.audio, samples, 8000, subtype="GSM610")
    assert heard_at(video) == pytest.approx((1.0, 1.0), abs=0.01)


def test_tags_behind_an_mp3_are_no_damage_and_damage_inside_is_named_with_its_time(video):
    encode(video.audio, "mp3", "mp3")
    content = video.audio.read_bytes()
    video.audio.write_bytes(content + b"junk and APETAGEX" * 40)
    assert heard_at(video) == pytest.approx((1.0, 1.0), abs=0.002)
    encode(video.audio, "aac", "mp4")
    content = bytearray(video.audio.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 400] = bytes(range(200)) * 2
    video.audio.write_bytes(content)
    with pytest.raises(ValueError, match=r"unreadable sound .*clip.wav: its sound is damaged at \d\.\d\d s"):
        read_sound(video)


def rewrite_header(path, size, riff=None):
    """Another size in the header of the samples, and of the whole."""
    content = bytearray(path.read_bytes())
    place = content.index(b"data") + 4
    content[place : place + 4] = struct.pack("<I", size)
    if riff is not None:
        content[4:8] = struct.pack("<I", riff)
    path.write_bytes(content)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
@pytest.mark.parametrize(
    ("size", "riff"),
    [(0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, None), (0, 0), (0, None), (0x7FFFFFFF, 0x7FFFFFFF), (0, 36)],
)
def test_a_wav_of_unknown_length_is_read_to_its_end(video, subtype, size, riff):
    """As programs write it that write into a pipe, and cannot go back to the header."""
    soundfile.write(video.audio, clicking(), 22050, subtype=subtype)
    whole, _ = read_sound(video)
    rewrite_header(video.audio, size, riff)
    assert torch.equal(read_sound(video)[0], whole)
    assert sound_seconds(video.audio) == pytest.approx(2.0)
    assert heard_at(video) == pytest.approx((1.0, 1.0), abs=0.001)


def test_a_wav_that_claims_hours_and_holds_none(video):
    soundfile.write(video.audio, np.zeros(0), 22050)
    rewrite_header(video.audio, 0x7FFFFFF0, 0x7FFFFFF0)
    for look in (
        sound_seconds,
        lambda path: read_sound(video),
        lambda path: read_audio(video, Window(1, (1,)), Plain()),
    ):
        with pytest.raises(ValueError, match=r"clip.wav: a sound without samples; extract it again"):
            look(video.audio)


def test_hours_of_sound_are_not_read_into_memory(video, monkeypatch):
    soundfile.write(video.audio, clicking(), 22050)
    monkeypatch.setattr("avsal_bench.data.files.sound_limits.MOST_SAMPLES", 44_099)
    for look in (sound_seconds, lambda path: read_sound(video)):
        with pytest.raises(ValueError, match=r"clip.wav: over 0.0 hours of sound at 22050 samples a second"):
            look(video.audio)


@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 16.5, -32768.0])
@pytest.mark.parametrize("channel", [0, 1])
def test_what_is_no_sound_is_named_with_the_wav_and_the_second(video, subtype, value, channel):
    samples = np.stack([clicking(), clicking()], 1).astype(np.float64)
    samples[33075, channel] = value
    soundfile.write(video.audio, samples, 22050, subtype=subtype)
    words = r"clip.wav: the sound is \S+ at 1.500 s, (which is no number; extract|and full scale is 1; divide it)"
    for look in (
        lambda: check_video(video, audio=True),
        lambda: read_sound(video),
        lambda: read_audio(video, Window(38, (37, 38)), Plain()),
    ):
        with pytest.raises(ValueError, match=words):
            look()
    assert len(read_audio(video, Window(1, (1, 2)), Plain())) == 1764


def test_a_mix_may_exceed_full_scale(video):
    soundfile.write(video.audio, 4 * clicking(), 22050, subtype="FLOAT")
    check_video(video, audio=True)
    torch.testing.assert_close(read_sound(video)[0], torch.from_numpy(4 * clicking()))


@pytest.mark.parametrize("rate", [1, 999, 768_001, 2_147_483_647])
def test_a_rate_that_no_sound_has(video, rate):
    soundfile.write(video.audio, clicking(), 22050)
    content = bytearray(video.audio.read_bytes())
    content[24:28] = struct.pack("<I", rate)
    video.audio.write_bytes(content)
    for look in (
        lambda: check_video(video, audio=True),
        lambda: read_sound(video),
        lambda: read_audio(video, Window(38, (37, 38)), Plain()),
    ):
        with pytest.raises(ValueError, match=rf"clip.wav: a sound of {rate} samples a second, expected 1000 to 768000"):
            look()


def make_pipe(path):
    os.mkfifo(path)


def make_device(path):
    path.symlink_to("/dev/zero")


def make_folder(path):
    path.mkdir()


@pytest.mark.parametrize(
    ("make", "word"), [(make_pipe, "a pipe"), (make_device, "a device"), (make_folder, "a folder")]
)
@pytest.mark.parametrize("name", ["clip.wav", "clip.m4a", "clip.mp4"])
def test_only_regular_files_are_opened(video, tmp_path, make, word, name):
    video = replace(video, audio=tmp_path / name)
    make(video.audio)
    for look in (
        lambda: check_video(video, audio=True),
        lambda: read_sound(video),
        lambda: read_audio(video, Window(38, (37, 38)), Plain()),
        lambda: sound_seconds(video.audio),
    ):
        with pytest.raises(ValueError, match=rf"{name} is {word}, not a regular file"):
            look()


def test_a_link_to_a_sound_is_followed(video, tmp_path):
    soundfile.write(tmp_path / "true.wav", clicking(), 22050)
    video.audio.symlink_to(tmp_path / "true.wav")
    assert heard_at(video) == pytest.approx((1.0, 1.0), abs=0.001)


@pytest.mark.parametrize(
    "content",
    [b"", b"RIFF", b"RIFF\x00\x00\x00\x00WAVE", b"RIFF\xff\xff\xff\xffWAVEfmt ", bytes(5000), b"<html>" * 99, b"ID3"],
)
def test_what_is_no_sound_file(video, content):
    video.audio.write_bytes(content)
    for look in (
        lambda: check_video(video, audio=True),
        lambda: read_sound(video),
        lambda: read_audio(video, Window(38, (37, 38)), Plain()),
    ):
        with pytest.raises(ValueError, match=r"clip.wav"):
            look()


USUAL = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 47952, 48000, 88200, 96000, 176400, 192000, 384000)


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 24000, 44100, 48000])
@pytest.mark.parametrize("native", USUAL)
def test_usual_rates_are_resampled_as_ever(native, rate):
    samples = torch.from_numpy(clicking(native, 0.05 + 1)[: native // 20])
    expected = samples if native == rate else torchaudio.functional.resample(samples, native, rate)
    assert torch.equal(resample(samples, native, rate), expected)


UNUSUAL = [
    (22051, 22050),
    (22049, 22050),
    (44101, 16000),
    (47999, 48000),
    pytest.param(767_999, 22050, marks=pytest.mark.slow),
    (1009, 22050),
    (96_001, 8000),
]


@pytest.mark.parametrize(("native", "rate"), UNUSUAL)
def test_rates_without_a_common_divisor_are_resampled_within_bounds(native, rate):
    """A sine keeps its pitch, height and phase."""
    n = native // 4
    hertz = 0.11 * min(native, rate)
    found = resample(torch.sin(2 * np.pi * hertz * torch.arange(n, dtype=torch.float64) / native).float(), native, rate)
    assert found.dtype == torch.float32
    assert len(found) == -(-n * rate // native)
    expected = np.sin(2 * np.pi * hertz * np.arange(len(found)) / rate)
    edge = 40 * rate // min(native, rate)
    np.testing.assert_allclose(found.numpy()[edge:-edge], expected[edge:-edge], atol=2e-3)


@pytest.mark.parametrize(("native", "rate"), [*UNUSUAL, (44100, 16000), (1000, 48000)])
def test_an_excerpt_is_that_part_of_the_whole(native, rate):
    samples = torch.from_numpy(np.random.default_rng(0).standard_normal(3 * native).astype(np.float32))
    whole = resample(samples, native, rate)
    for start in (0, rate + 1, 2 * rate - 333):
        part = Excerpt.around(start, start + 500, native, rate)
        assert part.last - part.first < 3 * native
        found = resample(samples[part.first : part.last], native, rate)[part.skip : part.skip + part.length]
        np.testing.assert_allclose(found.numpy(), whole[start : start + 500].numpy(), atol=1e-4)


def test_an_excerpt_of_a_long_wav_is_found_without_reading_the_rest(video, monkeypatch):
    soundfile.write(video.audio, np.zeros((22050 * 200, 2)), 22050, subtype="PCM_16")
    read = []
    true = soundfile.SoundFile.read
    monkeypatch.setattr(soundfile.SoundFile, "read", lambda self, n, **how: (read.append(n), true(self, n, **how))[1])
    read_audio(video, Window(4000, (4000,)), Plain(16000))
    assert sum(read) < 5000
    assert sound_header(video.audio).samples == 22050 * 200

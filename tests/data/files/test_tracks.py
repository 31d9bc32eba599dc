"""Sound tracks of every make: a click stands at its true second, or the file is an error that says which and when."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
import torch
from av.stream import Disposition

from avsal_bench.data.dataset import Video
from avsal_bench.data.files.moments import check_frame_rate, shown_at, shown_between, shown_seconds, varies
from avsal_bench.data.files.prepare import prepare_videos
from avsal_bench.data.files.prepared import prepared_sound_of
from avsal_bench.data.files.presence import sound_seconds
from avsal_bench.data.files.sound_files import read_audio, read_sound
from avsal_bench.data.files.tracks import _Placed, read_track, track_header
from avsal_bench.data.places import NumberedFiles, VideoFile
from avsal_bench.data.windows import Window
from avsal_bench.workers import Workers

RATE, SECONDS, CLICK = 48000, 4, 3.0


def clicking(rate=RATE, seconds=SECONDS, click=CLICK):
    """Quiet noise with a click of 1 ms."""
    samples = (0.01 * np.random.default_rng(0).standard_normal(rate * seconds)).astype(np.float32)
    samples[round(click * rate) : round((click + 0.001) * rate)] = 0.9
    return samples


def clicked(path):
    """The second of the loudest sample."""
    track, rate = read_track(path)
    return float(track.abs().argmax()) / rate


def always(time):
    return time


def packets_of(stream, samples, rate, layout):
    channels = av.AudioLayout(layout).nb_channels
    packets = []
    for first in range(0, len(samples), 1024):  # pieces as encoders want them; those of pcm stay as they are
        part = np.ascontiguousarray(np.tile(samples[first : first + 1024, None], (1, channels)).reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(part, format="flt", layout=layout)
        frame.rate, frame.pts, frame.time_base = rate, first, Fraction(1, rate)
        packets += stream.encode(frame)
    return [*packets, *stream.encode()]


def write_film(
    path, codec, move=always, shown=always, *, rate=RATE, layout="stereo", fps=5, sounds=None, default=0, title=""
):
    """A film of 4 seconds whose tracks click at 3 s.

    Args:
        path: of the file.
        codec: of the sound.
        move: from the time of a packet of sound to that which it is given; None leaves it out.
        shown: the same for pictures, by the time of the frame.
        rate: samples a second.
        layout: of the channels.
        fps: frames a second.
        sounds: samples of each track.
        default: which of them is the default track.
        title: of the film.
    """
    avi = path.suffix == ".avi"
    with av.open(path, "w") as container:
        container.metadata["title"] = title
        video = container.add_stream("mpeg4" if avi else "libx264", rate=fps)
        video.width, video.height, video.pix_fmt = 32, 32, "yuv420p"
        video.options = {} if avi else {"preset": "ultrafast", "bf": "0"}
        video.codec_context.time_base = Fraction(1, fps) if avi else Fraction(1, 1000)
        sounds = [clicking(rate)] if sounds is None else sounds
        streams = [container.add_stream(codec, rate=rate, layout=layout) for _ in sounds]
        for i, stream in enumerate(streams):
            stream.disposition = Disposition.default if i == default else 0
        packets = []
        for n in range(SECONDS * fps):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 2 * n % 256, np.uint8))
            time = shown(n / fps)
            frame.time_base = Fraction(1, fps) if avi else Fraction(1, 1000)
            frame.pts = round(time / frame.time_base)
            packets += video.encode(frame)
        packets += video.encode()
        for stream, samples in zip(streams, sounds, strict=True):
            for packet in packets_of(stream, samples, rate, layout):
                time = move(float(packet.pts * packet.time_base))
                if time is not None:
                    packet.pts = packet.dts = round(time / packet.time_base)
                    packets.append(packet)
        for packet in sorted(packets, key=lambda packet: float(packet.dts * packet.time_base)):
            container.mux(packet)
    return path


def gap(begin, end):
    return lambda time: None if begin <= time < end else time


MAKES = [
    ("a.mp4", "aac"),
    ("a.mkv", "aac"),
    ("a.mkv", "pcm_s16le"),
    ("a.mkv", "flac"),
    ("a.mp4", "mp3"),
    ("a.mkv", "libopus"),
    ("a.mkv", "ac3"),
]


@pytest.mark.parametrize(("name", "codec"), MAKES)
def test_a_gap_is_silence_and_what_comes_after_it_stays_in_its_place(tmp_path, name, codec):
    path = write_film(tmp_path / name, codec, gap(1.0, 2.0))
    assert clicked(path) == pytest.approx(CLICK, abs=0.003)
    track, rate = read_track(path)
    assert len(track) / rate == pytest.approx(SECONDS, abs=0.07)
    assert not track[round(1.1 * rate) : round(1.9 * rate)].any()
    assert track_header(path).seconds == pytest.approx(len(track) / rate, abs=0.05)


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        *(*MAKES, ("a.mkv", "wavpack"), ("a.mov", "pcm_s16le")),
        *(("a.avi", "mp3"), ("a.avi", "pcm_s16le"), ("a.avi", "ac3")),
    ],
)
def test_a_track_without_gaps_is_its_pieces_one_after_the_other(tmp_path, name, codec):
    """Time stamps of 1 ms, and those that count encoder delay, add and take away no sample."""
    path = write_film(tmp_path / name, codec)
    pieces = []
    with av.open(path) as container:
        mixer = av.AudioResampler(format="flt")
        for frame in container.decode(audio=0):
            pieces += [part.to_ndarray().reshape(-1, 2).mean(axis=1) for part in mixer.resample(frame)]
    track, rate = read_track(path)
    assert torch.equal(track, torch.from_numpy(np.concatenate(pieces)))
    assert track_header(path).seconds == pytest.approx(len(track) / rate, abs=0.05)
    assert clicked(path) == pytest.approx(CLICK, abs=0.03 if name == "a.avi" else 0.003)


@pytest.mark.parametrize("late", [-0.5, 0.25, 1.5])
@pytest.mark.parametrize(("name", "codec"), MAKES[:3])
def test_a_track_that_starts_before_or_after_the_pictures(tmp_path, name, codec, late):
    """What is heard is moved, or where that would be before the clock's zero, what is shown."""
    path = write_film(tmp_path / name, codec, lambda time: time + max(late, 0), lambda time: time + max(-late, 0))
    assert clicked(path) == pytest.approx(CLICK + late, abs=0.003)
    track, rate = read_track(path)
    assert not track[: max(0, round(late * rate) - 1100)].any()
    assert track_header(path).seconds == pytest.approx(SECONDS + late, abs=0.05)


def test_a_clip_cut_by_stream_copy_begins_with_its_first_shown_picture(tmp_path):
    """Its file holds pictures from the key frame on, and an edit list that says where to begin."""
    source = write_film(tmp_path / "source.mp4", "aac")
    with av.open(source) as film, av.open(tmp_path / "cut.mp4", "w") as cut:
        streams = {s.index: cut.add_stream_from_template(s) for s in (film.streams.video[0], film.streams.audio[0])}
        for packet in film.demux(film.streams.video[0], film.streams.audio[0]):
            if packet.dts is None:
                continue
            shift = round(1.4 / packet.time_base)
            if packet.stream.type == "audio" and packet.pts < shift - 1024:
                continue
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            packet.stream = streams[packet.stream.index]
            cut.mux(packet)
    assert clicked(tmp_path / "cut.mp4") == pytest.approx(CLICK - 1.4, abs=0.03)


@pytest.mark.parametrize(("default", "heard"), [(0, 1.0), (1, 2.0), (2, 3.0), (None, 1.0)])
def test_the_default_track_is_heard_and_without_one_the_first(tmp_path, default, heard):
    sounds = [clicking(8000, click=click) for click in (1.0, 2.0, 3.0)]
    path = write_film(tmp_path / "a.mkv", "pcm_s16le", rate=8000, layout="mono", sounds=sounds, default=default)
    assert clicked(path) == pytest.approx(heard, abs=0.002)
    assert track_header(path).samples == pytest.approx(SECONDS * 8000, abs=100)


@pytest.mark.parametrize("layout", ["mono", "stereo", "2.1", "quad", "5.1", "6.1", "7.1", "hexadecagonal"])
def test_mono_is_the_mean_of_all_channels(tmp_path, layout):
    channels = av.AudioLayout(layout).nb_channels
    samples = np.zeros((RATE, channels), np.int16)
    samples[:, channels - 1] = 16384
    with av.open(tmp_path / "a.mkv", "w") as container:
        stream = container.add_stream("pcm_s16le", rate=RATE, layout=layout)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout=layout)
        frame.rate, frame.pts = RATE, 0
        for packet in (*stream.encode(frame), *stream.encode()):
            container.mux(packet)
    track, _ = read_track(tmp_path / "a.mkv")
    assert track.tolist() == pytest.approx([0.5 / channels] * RATE)


def test_aac_and_ac3_of_six_channels(tmp_path):
    for name, codec in (("a.mp4", "aac"), ("a.mkv", "ac3")):
        assert clicked(write_film(tmp_path / name, codec, layout="5.1")) == pytest.approx(CLICK, abs=0.003)


@pytest.mark.parametrize(("first", "second"), [(44100, 48000), (48000, 44100), (32000, 48000), (48000, 24000)])
def test_a_rate_that_changes_is_resampled_to_the_first(tmp_path, first, second):
    """As concatenated mp3 files in an mkv have it: 2 s of each, and a click 1 s into both."""
    with av.open(tmp_path / "a.mkv", "w") as container:
        stream = container.add_stream("mp3", rate=first, layout="mono")
        other = av.CodecContext.create("mp3", "w")
        other.sample_rate, other.layout, other.format = second, "mono", "fltp"
        offset = Fraction(0)
        for encoder, rate in ((stream, first), (other, second)):
            frame = av.AudioFrame.from_ndarray(clicking(rate, 2, 1.0)[None], format="fltp", layout="mono")
            frame.rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
            for packet in (*encoder.encode(frame), *encoder.encode(None)):
                packet.pts = packet.dts = round((packet.pts * Fraction(1, rate) + offset) * first)
                packet.time_base, packet.stream = Fraction(1, first), stream
                container.mux(packet)
            offset = Fraction("2.1")
    track, rate = read_track(tmp_path / "a.mkv")
    assert rate == first
    assert len(track) / rate == pytest.approx(4.1, abs=0.1)
    halves = track[: 2 * rate], track[2 * rate :]
    assert [float(half.abs().argmax()) / rate for half in halves] == pytest.approx([1.0, 1.1], abs=0.03)
    assert [float(half.abs().max()) for half in halves] == pytest.approx([0.7, 0.7], abs=0.3)


@pytest.mark.parametrize(
    ("move", "words"),
    [
        (lambda time: time + 7200, r"after 0.00 s its sound goes on at 7200.\d\d s"),
        (lambda time: time if time < 2 else time + 1000, r"after 2.0\d s its sound goes on at 100[12].\d\d s"),
    ],
)
def test_what_cannot_be_placed_is_found_without_decoding_too(tmp_path, move, words):
    path = write_film(tmp_path / "a.mkv", "pcm_s16le", move)
    for look in (read_track, track_header, sound_seconds):
        with pytest.raises(ValueError, match=rf"a.mkv: {words}, which is too far to be placed; mend its time stamps"):
            look(path)


@pytest.mark.parametrize("name", ["a.mkv", "a.avi"])
def test_a_title_that_is_not_in_utf_8(tmp_path, name):
    path = write_film(tmp_path / name, "pcm_s16le", rate=8000, title="caf\N{LATIN SMALL LETTER E WITH ACUTE}")
    path.write_bytes(path.read_bytes().replace(b"caf\xc3\xa9", b"caf\xe9 "))
    assert clicked(path) == pytest.approx(CLICK, abs=0.003)
    assert track_header(path).seconds == pytest.approx(SECONDS, abs=0.05)


def test_a_track_is_read_again_when_its_file_has_changed(tmp_path):
    film = film_of(tmp_path / "a.mkv", fps=5.0, n_frames=20)
    for click in (1.0, 3.0):
        write_film(film.audio, "pcm_s16le", rate=8000, layout="mono", sounds=[clicking(8000, click=click)])
        heard = read_audio(film, Window(1, (1, 20)), Heard())
        assert float(heard.argmax()) / 8000 == pytest.approx(click, abs=0.002)


def test_a_playlist_under_the_name_of_a_video_opens_no_other_file(tmp_path):
    write_film(tmp_path / "other.mp4", "aac")
    for content in ("ffconcat version 1.0\nfile other.mp4\n", "#EXTM3U\n#EXTINF:4,\nother.mp4\n#EXT-X-ENDLIST\n"):
        for name in ("list.mp4", "list.m4a"):
            (tmp_path / name).write_text(content)
            with pytest.raises(ValueError, match=rf"{name}: of no kind of|unreadable (video|sound) .*{name} \("):
                read_track(tmp_path / name)


class TestPlacing:
    """Pieces of 0.1 s at 1000 Hz that hold their number, by their time stamps."""

    @staticmethod
    def place(stamps, zero=0.0, **options):
        placed = _Placed(Path("a.mkv"), zero, **({"contiguous": False, "tick": 0.001} | options))
        for number, stamp in enumerate(stamps, start=1):
            placed.add(stamp, np.full((100, 2), number / 100, np.float32), 1000)
        track = placed.all()
        return (track.read(0, track.samples) * 100).round().int().tolist()

    def test_pieces_that_follow_each_other(self):
        assert self.place([0.0, 0.1, 0.2]) == [1] * 100 + [2] * 100 + [3] * 100

    def test_pieces_without_stamps_follow_each_other(self):
        assert self.place([0.0, None, None]) == [1] * 100 + [2] * 100 + [3] * 100
        assert self.place([None, None], zero=None) == [1] * 100 + [2] * 100

    @pytest.mark.parametrize("off", [0.0004, -0.0009, 0.004, -0.011, 0.0199])
    def test_rounding_adds_and_takes_away_no_sample(self, off):
        assert self.place([0.0, 0.1 + off, 0.2 - off, 0.3 + off]) == [n // 100 for n in range(100, 500)]

    def test_rounding_does_not_add_up(self):
        """Each stamp is 3 ms later than the last piece ends: silence is filled in once that is over 20 ms."""
        found = self.place([0.103 * n for n in range(100)])
        assert len(found) == pytest.approx(0.103 * 99 * 1000 + 100, abs=20)
        assert max(abs(found.index(n) / 1000 - 0.103 * (n - 1)) for n in range(1, 101)) <= 0.0211

    @pytest.mark.parametrize("lack", [0.03, 0.1, 2.5])
    def test_a_gap(self, lack):
        assert self.place([0.0, 0.1 + lack]) == [1] * 100 + [0] * round(1000 * lack) + [2] * 100

    @pytest.mark.parametrize("over", [0.03, 0.06])
    def test_of_an_overlap_the_earlier_is_heard(self, over):
        assert self.place([0.0, 0.1 - over, 0.2 - over]) == [1] * 100 + [2] * round(100 - 1000 * over) + [3] * 100

    def test_a_piece_that_was_heard_already(self):
        assert self.place([0.0, 0.1, 0.2, 0.05, 0.3]) == [1] * 100 + [2] * 100 + [3] * 100 + [5] * 100

    def test_only_the_first_stamp_counts_where_there_are_none(self):
        assert self.place([0.1, 7.0, 0.0], contiguous=True) == [0] * 100 + [1] * 100 + [2] * 100 + [3] * 100

    def test_what_comes_before_the_first_picture(self):
        assert self.place([0.0, 0.1, 0.2], zero=0.15) == [2] * 50 + [3] * 100
        assert self.place([0.0, 0.2], zero=0.15) == [0] * 50 + [2] * 100

    @pytest.mark.parametrize("zero", [0.1, 0.3])
    def test_sound_that_is_over_before_the_first_picture(self, zero):
        with pytest.raises(ValueError, match=r"a.mkv: a sound without samples"):
            self.place([0.0], zero=zero)

    @pytest.mark.parametrize("stamps", [[0.0, 700.0], [7200.0], [0.0, 1e9]])
    def test_a_hole_of_many_minutes(self, stamps):
        message = rf"a.mkv: after 0\.\d0 s its sound goes on at {stamps[-1]:.2f} s, which is too far to be placed"
        with pytest.raises(ValueError, match=message):
            self.place(stamps)

    def test_a_clock_that_starts_again(self):
        with pytest.raises(ValueError, match=r"a.mkv: after 2.00 s its sound goes back to 0.00 s, which is too far"):
            self.place([*(0.1 * n for n in range(20)), 0.0])

    def test_sound_without_a_place_beside_pictures(self):
        with pytest.raises(ValueError, match=r"a.mkv: its sound begins without a time stamp"):
            self.place([None, 0.1])

    def test_more_than_fits_into_memory(self, monkeypatch):
        monkeypatch.setattr("avsal_bench.data.files.sound_limits.MOST_SAMPLES", 250)
        with pytest.raises(ValueError, match=r"a.mkv: over 0.0 hours of sound at 1000 samples a second"):
            self.place([0.0, 0.1, 0.2])

    @pytest.mark.parametrize(("value", "words"), [(np.nan, "nan at 0.150 s, which is no number"), (17, "full scale")])
    def test_what_is_no_sound(self, value, words):
        placed = _Placed(Path("a.mkv"), 0.0, contiguous=False, tick=0.0)
        samples = np.zeros((100, 1), np.float32)
        placed.add(0.0, samples, 1000)
        samples[50] = value
        with pytest.raises(ValueError, match=words):
            placed.add(0.1, samples, 1000)


def film_of(path, fps=25.0, n_frames=SECONDS * 25, audio=None):
    nothing = NumberedFiles(path.parent, "", 5, "")
    return Video("avad", path.stem, n_frames, fps, VideoFile(path), nothing, nothing, audio or path)


class Heard:
    """A front end of 8 kHz that hears half a frame on both sides."""

    sample_rate = 8000

    def span(self, first, last, fps, n_samples):
        start, stop = ((f - 1) / fps * self.sample_rate for f in (first - 0.5, last + 0.5))
        return max(0, round(start)), min(round(stop), n_samples)

    def __call__(self, excerpt):
        return excerpt


def slower(time):
    """Pictures of the first 2 s at full rate, then at a third of it."""
    return time if time < 2 else 2 + 3 * (time - 2)


def test_with_each_frame_of_varying_rate_is_heard_what_is_around_its_time(tmp_path):
    sounds = [clicking(8000, 8, click) for click in (5.0,)]
    path = write_film(tmp_path / "vfr.mp4", "aac", shown=slower, rate=8000, layout="mono", fps=25, sounds=sounds)
    film = film_of(path, fps=100 / 8)
    times = [slower(n / 25) for n in range(100)]
    with_click = [n for n in range(1, 101) if read_audio(film, Window(n, (n,)), Heard()).abs().max() > 0.5]
    assert with_click == [n for n in range(1, 101) if abs(times[n - 1] - 5.0) < 0.04]
    wav = tmp_path / "sound.wav"
    samples, rate = read_sound(film)
    soundfile.write(wav, samples.numpy(), rate, subtype="FLOAT")
    for n in (1, 50, 75, 76, 100):
        clip = Window(n, (n - 1 or 1, n))
        assert torch.equal(*(read_audio(v, clip, Heard()) for v in (film, replace(film, audio=wav))))


def test_the_prepared_form_is_heard_as_the_original(tmp_path):
    """With a gap, a late start and pictures that do not come evenly."""
    late = gap(1.0, 2.0)
    path = write_film(tmp_path / "a.mkv", "pcm_s16le", lambda t: late(t) and late(t) + 0.3, slower, rate=8000)
    plain = film_of(path, fps=2.5, n_frames=20)
    assert varies(plain)
    film = replace(plain, prepared=tmp_path / "prepared")
    prepare_videos([film], (16, 16), 8000, Workers(1))
    assert prepared_sound_of(film, 8000)
    for n in range(1, 21):
        clip = Window(n, (max(1, n - 2), n))
        assert torch.equal(*(read_audio(video, clip, Heard()) for video in (film, plain)))


def test_times_of_frames_that_do_not_come_evenly(tmp_path):
    path = write_film(tmp_path / "vfr.mp4", "aac", shown=slower, rate=8000, layout="mono", fps=25)
    film = film_of(path, fps=12.5)
    assert [shown_at(film, n) for n in (1, 2, 50, 51, 52, 100)] == pytest.approx(
        [0, 0.04, 1.96, 2, 2.12, 7.88], abs=2e-3
    )
    assert shown_seconds(film) == pytest.approx(7.88 + 0.08, abs=2e-3)
    assert shown_between(film, 1.99, 2.2) == range(51, 53)
    check_frame_rate(film)  # it is the time stamps that count


@pytest.mark.parametrize(
    ("fps", "n_frames", "apart"),
    [
        (25.0, 100, ""),
        (25.025, 100, ""),
        (26.0, 12, ""),
        (24.0, 100, "0.1[67]"),
        (20.0, 100, "0.99"),
        (50.0, 20, "0.38"),
    ],
)
def test_a_list_of_another_frame_rate(tmp_path, fps, n_frames, apart):
    path = write_film(tmp_path / "a.mp4", "aac", rate=8000, layout="mono", fps=25)
    film = film_of(path, fps, n_frames)
    for video in (film, replace(film, audio=tmp_path / "other.wav")):
        if apart:
            with pytest.raises(
                ValueError, match=rf"a.mp4: 25 frames a second, and the list says {fps:g}, .* {apart} s"
            ):
                check_frame_rate(video)
        else:
            check_frame_rate(video)
    check_frame_rate(replace(film, frames=NumberedFiles(tmp_path, "img_", 5, ".jpg"), fps=20.0))

"""Frames and sound straight from video files, and what is said of bad ones."""

from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch
from encoded import RATES, SIZE, Excerpt, picture, read_picture, sound, write_encoded, write_video_file
from PIL import Image

from avsal_bench.data.dataset import dataset
from avsal_bench.data.files.frames import frame_size, read_frames
from avsal_bench.data.files.presence import check_video
from avsal_bench.data.files.sound_files import read_audio, read_sound
from avsal_bench.data.files.tracks import read_track, track_header
from avsal_bench.data.files.video_files import count_frames
from avsal_bench.data.places import VideoFile
from avsal_bench.data.windows import window
from avsal_bench.evaluation.picture import draw_video, picture_frames

T = 4
FRONT = Excerpt()


def videos_of(root):
    return dataset("avad").videos(root, "test", 1)


@pytest.fixture
def film(tmp_path):
    """A video of 30 frames in an mp4 with sound."""
    write_encoded(tmp_path, "avad", "mp4", RATES[25], test=(30,))
    return videos_of(tmp_path)[0]


def test_frames_in_any_order_at_their_own_size(film):
    assert isinstance(film.frames, VideoFile)
    assert count_frames(film.frames.path) == 30
    assert frame_size(film) == SIZE
    order = [30, 1, 17, 17, 2, 16]
    frames = read_frames(film, order, None)
    assert (frames.dtype, frames.shape) == (torch.uint8, (3, 6, *SIZE))
    assert [read_picture(frame) for frame in frames.unbind(1)] == [(2, n) for n in order]
    for size in ((32, 48), (64, 96)):
        assert [read_picture(frame) for frame in read_frames(film, order, size).unbind(1)] == [(2, n) for n in order]
    for number in (0, 31):
        with pytest.raises(ValueError, match=f"avad/vidéo 601: frame {number} is not in a video of 30 frames"):
            read_frames(film, [1, number], (32, 48))


def test_more_videos_than_stay_open(tmp_path):
    write_encoded(tmp_path, "avad", "mp4", RATES[25], test=(5,) * 5)
    videos = videos_of(tmp_path)
    for n in (1, 5, 3):
        assert [read_picture(read_frames(v, [n], None)[:, 0]) for v in videos] == [(i + 2, n) for i in range(5)]


def test_the_picture_of_a_video_file(film, tmp_path):
    draw_video({n: torch.rand(8, 12) for n in picture_frames(film)}, film, tmp_path / "look.png")
    top = torch.from_numpy(np.array(Image.open(tmp_path / "look.png"))).permute(2, 0, 1)[:, :96]
    assert [read_picture(tile)[1] for tile in top.split(144, 2)] == sorted(picture_frames(film))


def test_the_whole_sound(film, tmp_path):
    wanted = torch.from_numpy(sound(2, 30, RATES[25], 44100)).float()
    track, rate = read_sound(film)
    assert (rate, track.dtype) == (44100, torch.float32)
    assert abs(len(track) - len(wanted)) <= 1024
    assert (track[1024:40000] - wanted[1024:40000]).abs().mean() < 0.05, "not a sample late"
    wav = tmp_path / "sound.wav"
    soundfile.write(wav, np.stack([wanted, torch.zeros_like(wanted)], 1), 44100, subtype="FLOAT")
    from_wav, rate = read_sound(replace(film, audio=wav))
    assert rate == 44100
    torch.testing.assert_close(from_wav, wanted / 2)


def test_a_cut_mp4(film):
    film.frames.path.write_bytes(film.frames.path.read_bytes()[:3000])
    with pytest.raises(
        ValueError, match=r"unreadable video .*vidéo 601.mp4 \(.*\); it may be cut short; fetch it again"
    ):
        check_video(film, audio=False)
    with pytest.raises(ValueError, match=r"unreadable video .*vidéo 601.mp4"):
        read_frames(film, [1], (32, 48))
    with pytest.raises(ValueError, match=r"unreadable video .*vidéo 601.mp4"):
        read_audio(film, window(5, 30, T), FRONT)


def test_a_cut_mkv(tmp_path):
    write_encoded(tmp_path, "avad", "mkv", RATES[25], test=(30,))
    film = videos_of(tmp_path)[0]
    content = film.frames.path.read_bytes()
    film.frames.path.write_bytes(content[: len(content) // 2])
    with pytest.raises(
        ValueError, match=r"vidéo 601.mkv: \d+ frames, and the list asks for 30; fetch it again, or mend"
    ):
        check_video(film, audio=False)
    with pytest.raises(ValueError, match=r"vidéo 601.mkv: no frame 29, the file has \d+; fetch it again"):
        read_frames(film, [29, 30], (32, 48))


def test_an_mp4_with_damage_inside(film):
    content = bytearray(film.frames.path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 600] = bytes(k * 37 % 256 for k in range(600))
    film.frames.path.write_bytes(content)
    message = r"unreadable video .*vidéo 601.mp4: frame 18, at 0.680 s, cannot be decoded \([^/]*\); fetch it again"
    for _ in range(2):
        with pytest.raises(ValueError, match=message):
            read_frames(film, range(1, 31), (32, 48))


@pytest.mark.parametrize("late", [-0.2, 0.3])
def test_a_track_that_starts_apart_from_the_pictures(tmp_path, late):
    samples = sound(2, 30, RATES[25], 44100)
    path = tmp_path / "video.mkv"
    write_video_file(path, [picture(2, n) for n in range(1, 31)], RATES[25], samples, late=late)
    track, rate = read_track(path)
    assert rate == 44100
    assert track_header(path).seconds == pytest.approx(1.2 + late, abs=0.03)
    shift = round(late * rate)
    expected = np.concatenate([np.zeros(max(shift, 0)), samples[max(-shift, 0) :]])
    n = len(expected) - 2048
    assert np.abs(track.numpy()[1024:n] - expected[1024:n]).mean() < 0.05


def test_a_file_with_fewer_frames_than_the_list_asks_for(film):
    longer = replace(film, n_frames=31)
    with pytest.raises(FileNotFoundError, match=r"missing file .*eyeMap_00031.jpg"):
        check_video(longer, audio=False)
    longer.densities.path(31).write_bytes(longer.densities.path(1).read_bytes())
    longer.fixations.path(31).write_bytes(longer.fixations.path(1).read_bytes())
    with pytest.raises(ValueError, match=r"vidéo 601.mp4: 30 frames, and the list asks for 31"):
        check_video(longer, audio=False)
    with pytest.raises(ValueError, match=r"vidéo 601.mp4: no frame 31, the file has 30"):
        read_frames(longer, [31], (32, 48))


def test_a_video_without_a_sound_track(film):
    write_video_file(film.frames.path, [picture(2, n) for n in range(1, 31)], RATES[25])
    check_video(film, audio=False)
    message = r"vidéo 601.mp4: no sound track in this video; put its sound at video_audio/<SET>/<video>/<video>.wav"
    with pytest.raises(ValueError, match=message):
        check_video(film, audio=True)
    with pytest.raises(ValueError, match=message):
        read_audio(film, window(5, 30, T), FRONT)


def test_a_track_shorter_than_the_video(film):
    samples = sound(2, 10, RATES[25], 44100)
    write_video_file(film.frames.path, [picture(2, n) for n in range(1, 31)], RATES[25], samples)
    with pytest.raises(ValueError, match=r"vidéo 601.mp4: 0.4\d s of sound for 1.20 s of video"):
        check_video(film, audio=True)


def test_a_wav_of_no_samples(film, tmp_path):
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 22050)
    silent = replace(film, audio=tmp_path / "empty.wav")
    for read in (
        lambda: check_video(silent, audio=True),
        lambda: read_audio(silent, window(5, 30, T), FRONT),
        lambda: read_sound(silent),
    ):
        with pytest.raises(ValueError, match=r"empty.wav: a sound without samples; extract it again"):
            read()


def test_an_excerpt_after_the_end_of_the_sound_is_silence(film, tmp_path):
    soundfile.write(tmp_path / "short.wav", sound(2, 29, RATES[25], 32000)[:30000], 32000)
    buffer = read_audio(replace(film, audio=tmp_path / "short.wav"), window(30, 30, 1), FRONT)
    assert not buffer[1:].any()


def test_frames_of_two_sizes_are_an_error_at_their_own_size_only(tmp_path):
    write_encoded(tmp_path, "avad", "pictures", RATES[25])
    video = videos_of(tmp_path)[0]
    Image.fromarray(picture(2, 2, (32, 48))).save(video.frames.path(2))
    assert read_frames(video, [1, 2], (32, 48)).shape == (3, 2, 32, 48)
    with pytest.raises(
        ValueError, match=r"avad/vidéo 601: frames of several sizes, 64x96 \(frame 3\), 32x48 \(frame 2\)"
    ):
        read_frames(video, [1, 2, 3], None)

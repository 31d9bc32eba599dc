"""What is said of files that are no video, are cut short, or claim what they do not hold; and that nothing hangs."""

import os
import struct

import av
import numpy as np
import pytest
from encoded import PLAIN, SMALL, N, cut_short, encode

from avsal_bench.data.dataset import Video
from avsal_bench.data.files import packets
from avsal_bench.data.files.frames import read_frames
from avsal_bench.data.files.presence import check_truth, check_video
from avsal_bench.data.files.video_files import count_frames, picture_size, read_pictures
from avsal_bench.data.places import NumberedFiles, VideoFile
from avsal_bench.prediction.films import open_film


def test_of_a_file_cut_short_what_is_there_is_read_and_no_more(tmp_path):
    path = cut_short(encode(tmp_path / "film.mp4", mux={"movflags": "faststart"}), 0.6)
    count = count_frames(path)
    assert 5 < count < N
    assert len(read_pictures(path, range(1, count + 1))) == count
    where = r"film.mp4: no frame 26, the file has \d+ before it is damaged, at \d\.\d+ s \(Invalid data.*\); fetch it"
    with pytest.raises(ValueError, match=where):
        read_pictures(path, [N])


def test_who_predicts_a_film_that_was_cut_short_is_told(tmp_path, capsys):
    whole = encode(tmp_path / "film.mp4", mux={"movflags": "faststart"})
    open_film(whole)
    assert capsys.readouterr().err == ""
    count = open_film(cut_short(whole, 0.6)).n_frames
    told = f"film.mp4: its header tells of {N} frames, and {count} are there; it may be cut short\n"
    assert capsys.readouterr().err.endswith(told)


def test_a_file_that_ends_before_its_index_is_refused(tmp_path):
    path = cut_short(encode(tmp_path / "film.mp4"), 0.9)
    with pytest.raises(ValueError, match=r"unreadable video .*film.mp4 \(.*\); it may be cut short; fetch it again"):
        count_frames(path)


PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nother.mp4\n#EXT-X-ENDLIST\n"
SDP = b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"
NO_VIDEOS = {
    "empty": (b"", "an empty file"),
    "text": (b"hello\n" * 100, "unreadable video"),
    "zeros": (bytes(20_000), "unreadable video"),
    "noise": (np.random.default_rng(0).bytes(20_000), "unreadable video"),
    "playlist": (PLAYLIST, "unreadable video"),
    "list of files": (b"ffconcat version 1.0\nfile other.mp4\n", "of no kind of video file that is read"),
    "address of a stream": (SDP, "of no kind of video file that is read"),
}


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv"])
@pytest.mark.parametrize("what", NO_VIDEOS)
def test_what_is_no_video_is_refused_and_opens_nothing_else(what, suffix, tmp_path):
    content, words = NO_VIDEOS[what]
    encode(tmp_path / "other.mp4", n=2)
    path = tmp_path / f"film{suffix}"
    path.write_bytes(content)
    for look in (count_frames, open_film, picture_size):
        with pytest.raises(ValueError, match=words):
            look(path)


def test_only_regular_files_are_opened(tmp_path):
    pipe, folder, device, nowhere = (tmp_path / f"{name}.mp4" for name in ("pipe", "folder", "device", "nowhere"))
    os.mkfifo(pipe)
    folder.mkdir()
    device.symlink_to("/dev/zero")
    nowhere.symlink_to(tmp_path / "gone")
    for path, words in ((pipe, "a pipe"), (folder, "a folder"), (device, "a device")):
        with pytest.raises(ValueError, match=f"{path.name} is {words}"):
            count_frames(path)
        with pytest.raises(ValueError, match=path.name):
            open_film(path)
    with pytest.raises(FileNotFoundError, match="missing video"):
        count_frames(nowhere)


def test_a_name_with_a_colon_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = encode(tmp_path / "concat:film.mp4", n=3).relative_to(tmp_path)
    assert count_frames(path) == 3


@pytest.mark.parametrize(("suffix", "tag"), [("mp4", b"avc1"), ("avi", b"FMP4")])
def test_a_codec_that_is_not_known_comes_with_the_conversion(suffix, tag, tmp_path):
    path = encode(tmp_path / f"film.{suffix}", *(("mpeg4", PLAIN) if suffix == "avi" else ()), n=3)
    path.write_bytes(path.read_bytes().replace(tag, b"zzz1"))
    with pytest.raises(ValueError, match=rf"{suffix}: its pictures are in a codec .*`ffmpeg -i film.{suffix} -c:v"):
        count_frames(path)


def test_a_decoder_that_gives_nothing_is_named_with_the_conversion(tmp_path):
    path = encode(tmp_path / "film.webm", "libvpx-vp9", {"cpu-used": "8"}, n=3)
    path.write_bytes(path.read_bytes().replace(b"V_VP9", b"V_VP8"))
    with pytest.raises(ValueError, match=r"webm: no picture in it can be decoded \(codec vp8: .*`ffmpeg -i film.webm"):
        count_frames(path)


def test_a_video_of_sound_only(tmp_path):
    path = tmp_path / "film.mp4"
    with av.open(path, "w") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), format="fltp", layout="mono")
        frame.rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(ValueError, match=r"film.mp4: no pictures in this video"):
        count_frames(path)


def with_number(path, box, offset, number, form=">I"):
    """A file of which a number in a box is another one."""
    content = bytearray(path.read_bytes())
    place = content.index(box) + 4 + offset
    content[place : place + struct.calcsize(form)] = struct.pack(form, number)
    path.write_bytes(content)
    return path


def test_a_header_that_claims_much_costs_nothing(tmp_path):
    claimed = encode(tmp_path / "claimed.mp4")
    with_number(with_number(claimed, b"stsz", 4, 1), b"stsz", 8, 400_000_000)
    with pytest.raises(ValueError, match=r"claimed.mp4"):
        count_frames(claimed)
    long = with_number(encode(tmp_path / "long.mp4"), b"stts", 8, 1_000_000_000)
    assert count_frames(long) == N


def test_pictures_of_too_many_pixels_are_not_decoded(tmp_path, monkeypatch):
    huge = encode(tmp_path / "huge.mkv", "mjpeg", {"qscale": "9"}, n=2, pix="yuvj420p")
    huge.write_bytes(huge.read_bytes().replace(struct.pack(">HH", *SMALL), struct.pack(">HH", 20_000, 20_000)))
    with pytest.raises(ValueError, match=r"huge.mkv: frame 1, at 0.000 s, cannot be decoded"):
        read_pictures(huge, [1])
    monkeypatch.setattr(packets, "MOST_PIXELS", 3000)
    with pytest.raises(ValueError, match=r"film.mp4: pictures of 48x64, at most 3,000 pixels are decoded"):
        count_frames(encode(tmp_path / "film.mp4", n=2))


def test_a_list_that_claims_a_thousand_million_frames_is_refused_at_once(tmp_path):
    path = encode(tmp_path / "film.mp4")
    (tmp_path / "truth").mkdir()
    for n in (1, 2, 4):
        (tmp_path / "truth" / f"map{n:09d}.png").touch()
    truth = NumberedFiles(tmp_path / "truth", "map", 9, ".png")
    video = Video("avad", "film", 10**9, 25.0, VideoFile(path), truth, truth)
    for look in (check_truth, lambda video: check_video(video, audio=False)):
        with pytest.raises(FileNotFoundError, match=r"map000000003.png; .* asks for 1,000,000,000 .* 999,999,997 are"):
            look(video)
    with pytest.raises(ValueError, match=r"film.mp4: no frame 1000000000, the file has 26"):
        read_frames(video, [10**9], SMALL)

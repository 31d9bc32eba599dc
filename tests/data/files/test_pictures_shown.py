"""Frame n of a video file is the n-th picture that a player shows, in whatever order frames are asked for.

Each kind of file is made here, small, and held against one forward pass by PyAV.
"""

import os
import random
from fractions import Fraction

import av
import numpy as np
import pytest
from av.stream import Disposition
from encoded import MPEG4, OPEN, PLAIN, SMALL, VPX, X264, X265, N, cut_short, damaged, encode, images

from avsal_bench.data.dataset import Video
from avsal_bench.data.files import timeline as timelines
from avsal_bench.data.files import video_files
from avsal_bench.data.files.frames import read_frames
from avsal_bench.data.files.timeline import index_of, picture_check, timeline
from avsal_bench.data.files.video_files import count_frames, frame_rate, picture_size, read_pictures
from avsal_bench.data.places import NumberedFiles, VideoFile


def copied(source, path, change, form=None):
    """The packets of a file in another one, without new encoding; ``change`` gets and gives a list of them."""
    with av.open(source) as old, av.open(path, "w", format=form) as new:
        stream = old.streams.video[0]
        target = new.add_stream_from_template(stream)
        for packet in change([p for p in old.demux(stream) if p.size]):
            packet.stream = target
            new.mux(packet)
    return path


def from_second_key(packets):
    return packets[[i for i, p in enumerate(packets) if p.is_keyframe][1] :]


def early(packets):
    """The first pictures before time zero, as a cut by stream copy has them."""
    zero = sorted(p.pts for p in packets)[7]
    for p in packets:
        p.pts, p.dts = p.pts - zero, p.dts - zero
    return packets


def all_keys(packets):
    for p in packets:
        p.is_keyframe = True
    return packets


def no_keys(packets):
    for p in packets[1:]:
        p.is_keyframe = False
    return packets


def equal_stamps(packets):
    for p in packets:
        p.pts, p.dts = p.pts // 100 * 100, None if p.dts is None else p.dts // 100 * 100
    return packets


def joined(folder, second):
    """Two streams one after the other, as camcorders and broadcasts have them; the clock starts anew."""
    first = encode(folder / "1.ts", n=15)
    path = folder / "film.mp4"
    path.write_bytes(first.read_bytes() + encode(folder / "2.ts", n=15, size=second).read_bytes())
    return path


def two_streams(path, first, second):
    """A still picture and a video, with what each is said to be."""
    with av.open(path, "w") as container:
        still = container.add_stream("mjpeg", rate=1)
        still.height, still.width, still.pix_fmt, still.disposition = 32, 32, "yuvj420p", first
        video = container.add_stream("libx264", rate=25, options=X264)
        video.height, video.width, video.pix_fmt, video.disposition = *SMALL, "yuv420p", second
        for stream, pictures in ((still, [np.zeros((32, 32, 3), np.uint8)]), (video, images(20))):
            for i, image in enumerate(pictures):
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                frame.pts, frame.time_base = i, Fraction(1, 25)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
    return path


#: Kinds of files, each made in a folder.
KINDS = {
    "h264 mp4": lambda d: encode(d / "film.mp4"),
    "h264 mkv": lambda d: encode(d / "film.mkv"),
    "h264 avi with B-frames": lambda d: encode(d / "film.avi"),
    "h264 avi": lambda d: encode(d / "film.avi", options=X264 | {"bf": "0"}),
    "h264 in pieces": lambda d: encode(d / "film.mp4", mux={"movflags": "frag_keyframe+empty_moov"}),
    "mpeg-ts under another name": lambda d: encode(d / "film.mp4", form="mpegts"),
    "flv under another name": lambda d: encode(d / "film.mov", form="flv"),
    "open gop mp4": lambda d: encode(d / "film.mp4", options=OPEN),
    "open gop mkv": lambda d: encode(d / "film.mkv", options=OPEN),
    "one key frame": lambda d: encode(d / "film.mkv", options=X264 | {"g": "250", "bf": "8"}),
    "no key frame but the first": lambda d: encode(
        d / "film.mkv", options=X264 | {"bf": "0", "x264-params": "intra-refresh=1"}
    ),
    "hevc mp4": lambda d: encode(d / "film.mp4", "libx265", X265, size=(64, 64)),
    "hevc mkv": lambda d: encode(d / "film.mkv", "libx265", X265, size=(64, 64)),
    "mpeg4 avi": lambda d: encode(d / "film.avi", "mpeg4", PLAIN),
    "mpeg4 avi with B-frames": lambda d: encode(d / "film.avi", "mpeg4", MPEG4),
    "mpeg4 mp4": lambda d: encode(d / "film.mp4", "mpeg4", MPEG4),
    "mpeg2 program stream": lambda d: encode(d / "film.avi", "mpeg2video", MPEG4, form="mpeg"),
    "mpeg2 mkv": lambda d: encode(d / "film.mkv", "mpeg2video", MPEG4),
    "interlaced": lambda d: encode(d / "film.mp4", options=X264 | {"x264-params": "tff=1"}),
    "vp8 with alt-ref frames": lambda d: encode(d / "film.webm", "libvpx", VPX),
    "vp9 with alt-ref frames": lambda d: encode(d / "film.webm", "libvpx-vp9", VPX),
    "av1": lambda d: encode(d / "film.mp4", "libsvtav1", {"preset": "12", "crf": "40", "g": "16"}, size=(64, 64)),
    "mjpeg": lambda d: encode(d / "film.avi", "mjpeg", {"qscale": "9"}, n=20, pix="yuvj420p"),
    "lossless": lambda d: encode(d / "film.mkv", "ffv1", {}, n=12, pix="bgr0"),
    "10 bit": lambda d: encode(d / "film.mp4", pix="yuv420p10le"),
    "grey": lambda d: encode(d / "film.mp4", pix="gray"),
    "full range": lambda d: encode(d / "film.mp4", pix="yuvj420p"),
    "variable rate": lambda d: encode(d / "film.mp4", stamps=[*range(0, 480, 40), *range(480, 1880, 100)]),
    "first picture late": lambda d: encode(d / "film.mkv", stamps=[3000 + 40 * i for i in range(N)]),
    "nothing moves": lambda d: encode(d / "film.mp4", images=[*images(1)] * N),
    "one picture": lambda d: encode(d / "film.mp4", n=1),
    "cut by stream copy": lambda d: copied(encode(d / "s.mp4"), d / "film.mp4", early),
    "open gop cut mp4": lambda d: copied(encode(d / "s.mp4", options=OPEN), d / "film.mp4", from_second_key),
    "open gop cut mkv": lambda d: copied(encode(d / "s.mkv", options=OPEN), d / "film.mkv", from_second_key),
    "hevc cut": lambda d: copied(encode(d / "s.mkv", "libx265", X265, size=(64, 64)), d / "film.mkv", from_second_key),
    "cut before a key frame": lambda d: copied(encode(d / "s.mkv"), d / "film.mkv", lambda p: p[5:]),
    "mpeg4 cut before a key frame": lambda d: copied(
        encode(d / "s.avi", "mpeg4", PLAIN), d / "film.avi", lambda p: p[5:]
    ),
    "each marked as key frame": lambda d: copied(encode(d / "s.mp4"), d / "film.mp4", all_keys),
    "each marked as key frame, mpeg4": lambda d: copied(encode(d / "s.avi", "mpeg4", PLAIN), d / "film.avi", all_keys),
    "each marked as key frame, hevc": lambda d: copied(
        encode(d / "s.mkv", "libx265", X265, size=(64, 64)), d / "film.mkv", all_keys
    ),
    "none marked as key frame": lambda d: copied(encode(d / "s.mkv"), d / "film.mkv", no_keys),
    "equal stamps": lambda d: copied(encode(d / "s.mkv"), d / "film.mkv", equal_stamps),
    "clock starts anew": lambda d: joined(d, SMALL),
    "size changes": lambda d: joined(d, (64, 96)),
    "cover": lambda d: two_streams(d / "film.mp4", Disposition.attached_pic, Disposition.default),
    "second stream is the default": lambda d: two_streams(d / "film.mkv", Disposition(0), Disposition.default),
    "mkv cut short": lambda d: cut_short(encode(d / "film.mkv"), 0.6),
    "avi cut short": lambda d: cut_short(encode(d / "film.avi", "mpeg4", MPEG4), 0.6),
    "webm cut short": lambda d: cut_short(encode(d / "film.webm", "libvpx", VPX), 0.6),
}
#: Kinds whose pictures are known without decoding any: what is read most, and would take long.
PROVEN = {"h264 mp4", "h264 mkv", "open gop mp4", "hevc mp4", "mpeg4 avi", "mpeg4 mp4", "mjpeg", "variable rate"}


def forward(path):
    """What PyAV gives from start to end: the reference. Pictures ``(h, w, 3)``, and the time of each."""
    with av.open(path) as container:
        videos = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
        stream = max(videos, key=lambda s: bool(s.disposition & Disposition.default))
        stream.thread_type = "NONE"
        frames = [(f.to_ndarray(format="rgb24"), f.time) for f in container.decode(stream)]
    return [image for image, _ in frames], np.array([time for _, time in frames])


def orders(n):
    """Numbers of frames in orders that readers ask for."""
    draw = random.Random(0)
    shuffled = draw.sample(range(1, n + 1), n)
    yield "forward", [[k] for k in range(1, n + 1)]
    yield "backward", [[k] for k in range(n, 0, -1)]
    yield "shuffled and again", [[k] for k in shuffled + shuffled[: n // 2]]
    windows = [range(first, min(n, first + 7) + 1) for first in draw.choices(range(1, n + 1), k=8)]
    yield "windows, reversed too", [list(w)[:: 1 if i % 2 else -1] for i, w in enumerate(windows)]
    yield "all at once", [list(range(1, n + 1))]


@pytest.mark.parametrize("kind", KINDS)
def test_each_picture_in_any_order(kind, tmp_path):
    path = KINDS[kind](tmp_path)
    assert path.stat().st_size < 100_000
    pictures, times = forward(path)
    assert count_frames(path) == len(pictures)
    assert (index_of(path).checks is None) >= (kind in PROVEN), "nothing need be decoded to know these"
    line = timeline(path)
    assert line.times[0] == 0
    if (np.diff(times) > 0).all():
        np.testing.assert_allclose(line.times, times - times[0], atol=1e-9)
        assert line.start == pytest.approx(times[0])
    for name, asked in orders(len(pictures)):
        video_files._readers.clear()
        for numbers in asked:
            for n, picture in zip(numbers, read_pictures(path, numbers), strict=True):
                np.testing.assert_array_equal(picture.permute(1, 2, 0), pictures[n - 1], f"{name}, frame {n}")


@pytest.mark.parametrize("kind", ["h264 mp4", "mpeg4 avi with B-frames", "vp8 with alt-ref frames", "mjpeg"])
def test_going_forward_does_not_jump(kind, tmp_path, monkeypatch):
    path = KINDS[kind](tmp_path)
    video_files._readers.clear()
    (first,) = read_pictures(path, [1])
    monkeypatch.setattr(video_files._Reader, "_jump", None)
    for n in [*range(1, 8), *range(8, count_frames(path), 3)]:
        read_pictures(path, [n, n])
    monkeypatch.undo()
    assert (read_pictures(path, [1])[0] == first).all()


def test_a_forked_process_and_its_parent_read_on(tmp_path):
    path = KINDS["h264 mp4"](tmp_path)
    pictures, _ = forward(path)
    read_pictures(path, [7])
    read, write = os.pipe()
    if (child := os.fork()) == 0:
        same = all((read_pictures(path, [n])[0].permute(1, 2, 0).numpy() == pictures[n - 1]).all() for n in (8, 20, 2))
        video_files._readers.clear()
        os.write(write, b"same" if same else b"other")
        os._exit(0)
    for n in (8, 9, 23):
        np.testing.assert_array_equal(read_pictures(path, [n])[0].permute(1, 2, 0), pictures[n - 1])
    assert os.read(read, 9) == b"same"
    os.waitpid(child, 0)


def test_a_changed_file_is_looked_through_again(tmp_path, monkeypatch):
    path = encode(tmp_path / "film.mp4")
    assert (count_frames(path), picture_size(path)) == (N, SMALL)
    monkeypatch.setattr(timelines, "_look_through", None)
    assert count_frames(path) == N
    monkeypatch.undo()
    encode(path, n=12, size=(64, 96))
    assert (count_frames(path), picture_size(path)) == (12, (64, 96))


def test_what_is_remembered_of_files_is_bounded(tmp_path, monkeypatch):
    timelines._indices.clear()
    monkeypatch.setattr(timelines, "KEPT_PACKETS", 2 * N + 1)
    for i in range(4):
        count_frames(encode(tmp_path / f"{i}.mp4"))
    assert len(timelines._indices) == 2


@pytest.mark.parametrize(
    ("name", "stamps", "fps", "constant"),
    [
        ("as the container says", [40 * i for i in range(10)], 25.0, True),
        ("slower than it says", [100 * i for i in range(10)], 10.0, True),
        ("stamps that are rounded", [round(1000 / 29.97 * i) for i in range(60)], 29.97, True),
        ("fast, then slow", [*range(0, 800, 40), *range(800, 2800, 100)], 39 / 2.7, False),
    ],
)
def test_rates_come_from_time_stamps(name, stamps, fps, constant, tmp_path):
    path = encode(tmp_path / "film.mkv", stamps=stamps, n=len(stamps))
    line = timeline(path)
    assert line.fps == pytest.approx(fps, rel=1e-3)
    assert line.constant == constant
    assert frame_rate(path) == line.fps


TURNS = {
    "quarter": ((90,), lambda image: np.rot90(image)),
    "half": ((180,), lambda image: np.rot90(image, 2)),
    "three quarters": ((-90,), lambda image: np.rot90(image, -1)),
    "mirrored": ((0, True, False), lambda image: image[:, ::-1]),
    "upside down": ((0, False, True), lambda image: image[::-1]),
}


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_pictures_are_turned_as_players_do(turn, suffix, tmp_path):
    words, expected = TURNS[turn]
    path = encode(tmp_path / f"film.{suffix}", n=3, turn=words)
    pictures, _ = forward(path)
    for picture, image in zip(read_pictures(path, [1, 2, 3]), pictures, strict=True):
        np.testing.assert_array_equal(picture.permute(1, 2, 0), expected(image))
    assert picture_size(path) == expected(pictures[0]).shape[:2]


def test_a_turn_that_is_no_quarter_is_refused(tmp_path):
    path = encode(tmp_path / "film.mp4", n=3, turn=(30,))
    with pytest.raises(ValueError, match=r"film.mp4: its pictures are turned by an angle that is not a quarter"):
        read_pictures(path, [1])


def test_pixels_that_are_not_square_stay_as_they_are_stored(tmp_path):
    path = encode(tmp_path / "film.mp4", n=3, aspect=Fraction(16, 11))
    pictures, _ = forward(path)
    np.testing.assert_array_equal(read_pictures(path, [2])[0].permute(1, 2, 0), pictures[1])


def video_of(path, n_frames):
    """A video of a list, with ground truth of ``n_frames`` names."""
    nothing = NumberedFiles(path.parent / "truth", "map", 9, ".png")
    return Video("avad", "film", n_frames, 25.0, VideoFile(path), nothing, nothing)


def test_a_size_that_changes_is_told_with_its_frame(tmp_path):
    video = video_of(KINDS["size changes"](tmp_path), 30)
    assert read_frames(video, [1, 30], (24, 32)).shape == (3, 2, 24, 32)
    with pytest.raises(ValueError, match=r"frames of several sizes, 48x64 \(frame 1\), 64x96 \(frame 30\)"):
        read_frames(video, [1, 30], None)


@pytest.mark.parametrize(
    ("kind", "share", "count"),
    [
        ("h264 mp4", 0.5, 100),
        ("h264 mp4", 0.3, 200),
        ("mpeg4 avi", 0.4, 20),
        ("open gop mkv", 0.5, 20),
        ("mjpeg", 0.5, 9),
    ],
)
def test_the_order_of_reading_does_not_matter_in_a_damaged_file(kind, share, count, tmp_path):
    path = damaged(KINDS[kind](tmp_path), share, count)
    n_frames = count_frames(path)
    found = []
    for order in (range(1, n_frames + 1), random.Random(1).sample(range(1, n_frames + 1), n_frames)):
        video_files._readers.clear()
        timelines._indices.clear()
        found.append({n: read_or_error(path, n) for n in order})
    assert found[0] == found[1]


def test_a_picture_that_cannot_be_decoded_is_named(tmp_path):
    path = encode(tmp_path / "film.mp4")
    table, content = index_of(path).packets, bytearray(path.read_bytes())
    place, size = int(table.positions[9]), int(table.sizes[9])
    content[place : place + size] = b"\xff" * size
    path.write_bytes(content)
    found = {n: read_or_error(path, n) for n in range(1, N + 1)}
    bad = {n: text for n, text in found.items() if isinstance(text, str)}
    assert 0 < len(bad) < N // 2
    for n, text in bad.items():
        assert f"film.mp4: frame {n}, at {(n - 1) / 25:.3f} s, cannot be decoded (Invalid" in text


def test_what_the_decoder_filled_in_is_told(tmp_path):
    path = damaged(encode(tmp_path / "film.mp4"), 0.5, 100)
    assert [read_or_error(path, n) for n in range(1, N + 1)][-1]
    assert timeline(path).mended == "frame 15, at 0.560 s (Invalid data found when processing input)"
    for kind in ("h264 mp4", "cut by stream copy", "open gop cut mkv"):
        whole = KINDS[kind](tmp_path)
        read_pictures(whole, range(1, count_frames(whole) + 1))
        assert not timeline(whole).mended


def read_or_error(path, n):
    """What reading a frame comes to: bytes, or words."""
    try:
        return read_pictures(path, [n])[0].numpy().tobytes()
    except ValueError as error:
        return str(error)


@pytest.mark.parametrize(
    "kind",
    ["yuv420p", "yuv420p10le", "yuv422p16le", "p010le", "gray", "gray16le", "yuyv422", "rgb24", "bgra", "rgb555le"],
)
def test_the_checksum_of_a_picture_covers_its_right_edge(kind):
    left = np.random.default_rng(0).integers(0, 256, (48, 70, 3), dtype=np.uint8)
    other = left.copy()
    other[:, -2:] = 255 - other[:, -2:]
    first, again, changed = (
        picture_check(av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format=kind, threads=1))
        for pixels in (left, left, other)
    )
    assert first == again != changed

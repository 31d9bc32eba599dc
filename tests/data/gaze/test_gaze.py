"""The form of per-observer gaze, and the conversion of DIEM's files, on files written here in their format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from avsal_bench.data.files.fixation_files import read_fixations
from avsal_bench.data.gaze.from_diem import FIXATION, SACCADE, convert_diem, diem_gaze
from avsal_bench.data.gaze.samples import Gaze, Sample, format_gaze, read_gaze, write_gaze

SIZE = (48, 64)
HEADER = "video,observer,frame,x,y\n"


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def _write(text: str) -> Path:
        path = tmp_path / "observers.csv"
        path.write_bytes(text.encode())
        return path

    return _write


def rows(gaze: Gaze) -> list[tuple[str, int, float, float]]:
    names = [gaze.observers[o] for o in gaze.observer]
    return list(zip(names, gaze.frame.tolist(), gaze.x.tolist(), gaze.y.tolist(), strict=True))


def test_a_file_of_the_form_is_read_in_any_order(write: Callable[[str], Path]) -> None:
    path = write(HEADER + 'clip,bob,2,63.99,0\n\nclip,"ann, left eye",2,0,47.5\nclip,bob,1,3,4e0\n')
    gaze = read_gaze(path, n_frames=2, size=SIZE)
    assert gaze.observers == ("ann, left eye", "bob")
    assert rows(gaze) == [("bob", 1, 3, 4), ("ann, left eye", 2, 0, 47.5), ("bob", 2, 63.99, 0)]
    assert len(gaze) == 3


def test_line_ends_and_byte_order_marks_of_spreadsheets_are_fine(write: Callable[[str], Path]) -> None:
    path = write("\ufeff" + HEADER.replace("\n", "\r\n") + "clip,a,1,1,1\r\n")
    assert rows(read_gaze(path, 1, SIZE)) == [("a", 1, 1, 1)]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", r":1: the first line must be video,observer,frame,x,y, got ''"),
        ("frame,observer,x,y\n1,1,2,2\n", ":1: the first line must be"),
        (HEADER, "no gaze in it"),
        (HEADER + "clip,a,1,1,1\nclip,a,2,1\n", r":3: 5 fields expected \(video,observer,frame,x,y\), got 4"),
        (HEADER + "clip,a,1,1,1,fixation\n", ":2: 5 fields expected .* got 6"),
        (HEADER + "clip,a,1,1,1\nother,a,2,1,1\n", ":3: video 'other', but this file is of 'clip'"),
        (HEADER + ",a,1,1,1\n", ":2: video ''"),
        (HEADER + "clip, ,1,1,1\n", ":2: no observer"),
        (HEADER + "clip,a,0,1,1\n", ":2: frame '0' is not a whole number from 1 to 9"),
        (HEADER + "clip,a,10,1,1\n", ":2: frame '10' is not a whole number from 1 to 9"),
        (HEADER + "clip,a,1.5,1,1\n", ":2: frame '1.5' is not"),
        (HEADER + "clip,a,,1,1\n", ":2: frame '' is not"),
        (HEADER + "clip,a,1,,\n", ":2: no x or no y; leave the line out where gaze is lost"),
        (HEADER + "clip,a,1,1,left\n", ":2: x '1' and y 'left' must be numbers"),
        (HEADER + "clip,a,1,nan,1\n", r":2: \(nan, 1\) is outside the frame of 64 x 48 pixels"),
        (HEADER + "clip,a,1,64,1\n", r":2: \(64, 1\) is outside the frame of 64 x 48 pixels"),
        (HEADER + "clip,a,1,1,48\n", ":2: .* is outside"),
        (HEADER + "clip,a,1,-0.1,1\n", ":2: .* is outside"),
        (HEADER + "clip,a,1,1,1\nclip,b,1,1,1\nclip,a,1,2,2\n", ":4: observer 'a' has a second sample in frame 1"),
        (HEADER + 'clip,a,1,1,"1\n', ":2: unexpected end of data"),
    ],
)
def test_an_error_names_file_and_line(write: Callable[[str], Path], text: str, error: str) -> None:
    with pytest.raises(ValueError, match=rf"observers\.csv:?.*{error}"):
        read_gaze(write(text), n_frames=9, size=SIZE)


def test_the_gaze_of_another_video_is_an_error(write: Callable[[str], Path]) -> None:
    path = write(HEADER + "clip,a,1,1,1\n")
    assert len(read_gaze(path, 1, SIZE, "clip")) == 1
    with pytest.raises(ValueError, match="video 'clip', but this file is of 'clap'"):
        read_gaze(path, 1, SIZE, "clap")


def test_a_missing_file_and_one_that_is_no_text_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no gaze file .*observers\.csv"):
        read_gaze(tmp_path / "observers.csv", 1, SIZE)
    (tmp_path / "observers.csv").write_bytes(HEADER.encode() + b"clip,\xff,1,1,1\n")
    with pytest.raises(ValueError, match=r"observers\.csv: not UTF-8 text"):
        read_gaze(tmp_path / "observers.csv", 1, SIZE)


GAZE = Gaze.of([Sample("b", 2, 5.5, 6), Sample("a", 2, 1, 2), Sample("a", 1, 63.999, 47.999), Sample("c", 3, 5.9, 6.9)])


def test_points_of_a_frame_of_all_or_of_some_observers() -> None:
    np.testing.assert_array_equal(GAZE.points(2), [[1, 2], [5.5, 6]])
    np.testing.assert_array_equal(GAZE.points(2, [1, 2]), [[5.5, 6]])
    assert GAZE.points(2, []).shape == GAZE.points(9).shape == (0, 2)


def test_the_pixel_of_a_point_is_the_floor_of_both() -> None:
    assert np.argwhere(GAZE.fixation_map(2, SIZE)).tolist() == [[2, 1], [6, 5]]
    assert np.argwhere(GAZE.fixation_map(1, SIZE)).tolist() == [[47, 63]]
    assert np.argwhere(GAZE.fixation_map(2, SIZE, [0])).tolist() == [[2, 1]]
    assert not GAZE.fixation_map(9, SIZE).any()
    with pytest.raises(ValueError, match="frame 1 lies outside a frame of 63 x 48"):
        GAZE.fixation_map(1, (48, 63))


def test_rows_that_are_not_of_one_length_or_in_order_are_errors() -> None:
    with pytest.raises(ValueError, match="observer 'a' has two samples in frame 1"):
        Gaze.of([Sample("a", 1, 1, 1), Sample("a", 1, 2, 2)])
    with pytest.raises(ValueError, match="columns of one length"):
        Gaze(("a",), GAZE.observer, GAZE.frame[:1], GAZE.x, GAZE.y)
    with pytest.raises(ValueError, match="in the order of frames"):
        Gaze(GAZE.observers, GAZE.observer[::-1], GAZE.frame[::-1], GAZE.x, GAZE.y)
    assert len(Gaze.of([])) == 0


def test_writing_keeps_every_point_in_its_pixel(tmp_path: Path) -> None:
    path = tmp_path / "annotations" / "SET" / "clip" / "observers.csv"
    write_gaze(path, GAZE, "clip")
    assert path.read_text().splitlines() == [
        "video,observer,frame,x,y",
        "clip,a,1,63.99,47.99",
        "clip,a,2,1.00,2.00",
        "clip,b,2,5.50,6.00",
        "clip,c,3,5.90,6.90",
    ]
    assert [p.name for p in path.parent.iterdir()] == ["observers.csv"]


@given(
    st.lists(
        st.builds(
            Sample,
            st.sampled_from(["1", "2", "ann", 'o"k', "a,b", "é"]),
            st.integers(1, 9),
            st.floats(0, 64, exclude_max=True),
            st.floats(0, 48, exclude_max=True),
        ),
        min_size=1,
        max_size=20,
        unique_by=lambda sample: sample[:2],
    )
)
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, samples: list[Sample]) -> None:
    gaze, path = Gaze.of(samples), tmp_path_factory.mktemp("gaze") / "observers.csv"
    write_gaze(path, gaze, 'a "clip", é')
    again = read_gaze(path, 9, SIZE, 'a "clip", é')
    assert again.observers == gaze.observers
    np.testing.assert_array_equal(again.observer, gaze.observer)
    np.testing.assert_array_equal(again.frame, gaze.frame)
    np.testing.assert_allclose(again.x, gaze.x, atol=0.0101)
    np.testing.assert_allclose(again.y, gaze.y, atol=0.0101)
    np.testing.assert_array_equal(np.floor(again.x), np.floor(gaze.x))
    assert format_gaze(again, 'a "clip", é') == path.read_text(encoding="utf-8")


def test_synth_has_gaze_in_the_form_whose_pixels_are_its_fixation_maps(synth_root: Path) -> None:
    folder = synth_root / "annotations" / "synth" / "timbre_01"
    gaze = read_gaze(folder / "observers.csv", 99, (96, 144), "timbre_01")
    assert len(gaze.observers) == 12
    for frame in (1, 30):
        fixated = read_fixations(folder / f"fixMap_{frame:05d}.mat").numpy()
        np.testing.assert_array_equal(gaze.fixation_map(frame, (96, 144)), fixated)


CLIP = "hummingbirds_1000x600"
#: The corner of a video of 1000 x 600 in the middle of a screen of 1280 x 960.
LEFT, TOP = 140, 180


def diem_lines(frames: int, x: float = LEFT + 500, y: float = TOP + 300) -> list[str]:
    return [f"{n}\t{x}\t{y}\t900\t1\t{x}\t{y}\t900\t1" for n in range(1, frames + 1)]


def write_diem(folder: Path, lines: list[str], observer: str = "diem5s01", video: str = CLIP) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{observer}.asc_15_{video}.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


def convert(path: Path, n_frames: int = 3, **options: object) -> list[tuple[str, int, float, float]]:
    return rows(diem_gaze([path], CLIP, (600, 1000), n_frames, **options))  # type: ignore[arg-type]


def test_the_screen_of_diem_becomes_the_frame(tmp_path: Path) -> None:
    lines = diem_lines(3)
    lines[1] = f"2 {LEFT} {TOP} 900 1 {LEFT} {TOP} 900 1"  # parted by blanks: the first pixel of the video
    path = write_diem(tmp_path, lines)
    assert convert(path) == [("diem5s01", 1, 500, 300), ("diem5s01", 2, 0, 0), ("diem5s01", 3, 500, 300)]
    half = diem_gaze([path], CLIP, (300, 500), 3)
    assert rows(half)[0] == ("diem5s01", 1, 250, 150)
    elsewhere = diem_gaze([path], CLIP, (600, 1000), 3, shown=(300, 500), screen=(1024, 1280))
    assert rows(elsewhere)[0] == ("diem5s01", 1, (640 - 390) * 2, (480 - 362) * 2)


def test_only_eyes_that_fixate_count_and_both_are_averaged(tmp_path: Path) -> None:
    x, y = LEFT + 100, TOP + 200
    lines = [
        f"1\t{x}\t{y}\t900\t1\t{x + 10}\t{y + 4}\t900\t1",  # both
        f"2\t{x}\t{y}\t900\t1\t{x + 10}\t{y + 4}\t900\t2",  # the right eye moves
        f"3\t{x}\t{y}\t900\t0\t{x + 10}\t{y + 4}\t900\t1",  # the left eye blinks
        f"4\t{x}\t{y}\t900\t2\t{x + 10}\t{y + 4}\t900\t2",
        "5\tnan\tnan\tnan\t-1\t0\t0\t0\t0",
    ]
    path = write_diem(tmp_path, lines)
    middle, left, right = (105.0, 202.0), (100.0, 200.0), (110.0, 204.0)
    assert [row[1:] for row in convert(path, 5)] == [(1, *middle), (2, *left), (3, *right)]
    every = convert(path, 5, events=(FIXATION, SACCADE))
    assert [row[1:] for row in every] == [(1, *middle), (2, *middle), (3, *right), (4, *middle)]
    assert [row[1:] for row in convert(path, 5, events=(SACCADE,))] == [(2, *right), (4, *middle)]


def test_points_outside_the_video_and_frames_after_its_end_have_no_sample(tmp_path: Path) -> None:
    lines = [*diem_lines(1), f"2 {LEFT - 1} {TOP} 9 1 {LEFT - 1} {TOP} 9 1", f"3 {LEFT + 1000} 500 9 1 1140 500 9 1"]
    path = write_diem(tmp_path, [*lines, f"4 {LEFT} {TOP + 600} 9 1 {LEFT} {TOP + 600} 9 1", *diem_lines(33)[4:]])
    assert [row[1] for row in convert(path, 5)] == [1, 5]


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        (["1 2 3 4 1 2 3 4"], ":1: 9 numbers expected .* got 8"),
        ([*diem_lines(2), "3 2 3 4 1 2 3 4 1 7"], ":3: 9 numbers expected .* got 10"),
        (["frame x y d e x y d e"], ":1: 9 numbers expected, got 'frame x y"),
        (["1 . . 0 1 2 3 4 1"], ":1: 9 numbers expected, got"),
        (["0 2 3 4 1 2 3 4 1"], ":1: frame '0' is not a whole number from 1"),
        (["1.5 2 3 4 1 2 3 4 1"], ":1: frame '1.5' is not"),
        ([diem_lines(2)[1], diem_lines(1)[0]], ":2: frame 1 after frame 2; frames must rise"),
        (["1 2 3 4 7 2 3 4 1"], ":1: event '7' of the left eye is none of -1, 0, 1, 2"),
        (["1 2 3 4 1 2 3 4 0.5"], ":1: event '0.5' of the right eye"),
        (["1 2 3 4 1 inf 3 4 1"], r":1: the right eye looks at \(inf, 3\)"),
        (diem_lines(34), ": it ends with frame 34, and the video has 3; more than 30 frames apart"),
        ([], None),
    ],
)
def test_a_bad_file_of_diem_is_named_with_its_line(tmp_path: Path, lines: list[str], error: str | None) -> None:
    path = write_diem(tmp_path, lines)
    if error is None:  # within the slack: an observer without a sample
        assert convert(path) == []
        with pytest.raises(ValueError, match="ends with frame 0, and the video has 90"):
            convert(path, 90)
        return
    with pytest.raises(ValueError, match=rf"diem5s01\.asc_15_{CLIP}\.txt{error}"):
        convert(path)


def test_the_slack_of_diem_is_an_option(tmp_path: Path) -> None:
    path = write_diem(tmp_path, diem_lines(10))
    assert len(convert(path, 8, slack=2)) == 8
    with pytest.raises(ValueError, match="raise 'slack'"):
        convert(path, 8, slack=1)


def test_bad_arguments_for_diem_are_errors(tmp_path: Path) -> None:
    path = write_diem(tmp_path, diem_lines(3))
    with pytest.raises(FileNotFoundError, match=f"diem/{CLIP}: no files"):
        diem_gaze([], CLIP, SIZE, 3)
    with pytest.raises(ValueError, match=r"events \(0,\)"):
        convert(path, events=(0,))
    with pytest.raises(ValueError, match="does not end in the size shown"):
        diem_gaze([path], "hummingbirds", SIZE, 3)
    with pytest.raises(ValueError, match="a file of 'other_10x10' is named"):
        diem_gaze([path], "other_10x10", SIZE, 3)
    again = write_diem(tmp_path / "again", diem_lines(3))
    with pytest.raises(ValueError, match="observer 'diem5s01' has another file"):
        diem_gaze([path, again], CLIP, SIZE, 3)
    path.write_bytes(b"\xff\xfe1\x00")
    with pytest.raises(ValueError, match="not a text file of numbers"):
        convert(path)


@pytest.fixture
def diem_root(tmp_path: Path) -> Path:
    """A root with DIEM's lists and the first frame of each video, at half the size shown."""
    root = tmp_path / "data"
    for part, names in {"train": ["50_people_1000x600", CLIP], "test": ["one_show_1000x600"]}.items():
        for name in names:
            frames = root / "video_frames" / "DIEM" / name
            frames.mkdir(parents=True)
            (root / "annotations" / "DIEM" / name).mkdir(parents=True)
            Image.new("RGB", (500, 300)).save(frames / "img_00001.jpg")
        (root / "fold_lists").mkdir(exist_ok=True)
        lines = "".join(f"{name} 3 29.999700\n" for name in names)
        (root / "fold_lists" / f"DIEM_list_{part}_fps.txt").write_text(lines)
    return root


def test_all_of_diem_is_converted_once(tmp_path: Path, diem_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "published"
    for name in ("50_people_1000x600", CLIP, "one_show_1000x600", "in_no_list_1000x600"):
        for observer in ("diem5s01", "diem13s40"):
            write_diem(source / name / "event_data", diem_lines(4), observer, name)
    (source / CLIP / "event_data" / f"._diem5s01.asc_15_{CLIP}.txt").write_bytes(b"\x00\x05")
    (source / "licence.txt").write_text("none")
    written = convert_diem(source, diem_root)
    folder = diem_root / "annotations" / "DIEM"
    assert written == [folder / n / "observers.csv" for n in ("50_people_1000x600", CLIP, "one_show_1000x600")]
    assert "3/3" in capsys.readouterr().err
    for path in written:
        gaze = read_gaze(path, 3, (300, 500), path.parent.name)
        assert gaze.observers == ("diem13s40", "diem5s01")
        assert len(gaze) == 6
        np.testing.assert_array_equal(gaze.points(3), [[250, 150], [250, 150]])
    before = [path.stat().st_mtime_ns for path in written]
    assert convert_diem(source, diem_root) == []
    assert [path.stat().st_mtime_ns for path in written] == before
    write_diem(source / CLIP / "event_data", diem_lines(3, x=LEFT + 20), "diem5s01")
    assert convert_diem(source, diem_root) == [folder / CLIP / "observers.csv"]


def test_videos_of_diem_without_gaze_are_told(tmp_path: Path, diem_root: Path) -> None:
    source = tmp_path / "published"
    source.mkdir()
    with pytest.raises(FileNotFoundError, match="of a video in DIEM's lists below"):
        convert_diem(source, diem_root)
    write_diem(source / CLIP / "event_data", diem_lines(3))
    with pytest.warns(UserWarning, match="2 of 3 videos of DIEM have no gaze .*: 50_people_1000x600, one_show"):
        assert len(convert_diem(source, diem_root)) == 1


def test_a_video_of_diem_without_frames_is_an_error(tmp_path: Path, diem_root: Path) -> None:
    write_diem(tmp_path / "published", diem_lines(3))
    frame = diem_root / "video_frames" / "DIEM" / CLIP / "img_00001.jpg"
    frame.write_bytes(b"no picture")
    with (
        pytest.warns(UserWarning, match="2 of 3 videos"),
        pytest.raises(ValueError, match=rf"unreadable image .*{CLIP}/img_00001\.jpg"),
    ):
        convert_diem(tmp_path / "published", diem_root)
    frame.unlink()
    with (
        pytest.warns(UserWarning, match="2 of 3 videos"),
        pytest.raises(FileNotFoundError, match=rf"missing file .*{CLIP}/img_00001\.jpg"),
    ):
        convert_diem(tmp_path / "published", diem_root)

"""The form of per-observer gaze."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avsal_bench.data.files.fixation_files import read_fixations
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

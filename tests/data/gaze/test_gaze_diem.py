"""DIEM's gaze files, on files written here in their format."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from avsal_bench.cli import main
from avsal_bench.data.gaze.diem_samples import diem_gaze
from avsal_bench.data.gaze.from_diem import convert_diem
from avsal_bench.data.gaze.samples import Gaze, read_gaze
from avsal_bench.data.layouts.lists import PACKAGED_LISTS, read_fold_list

SIZE = (48, 64)
pytestmark = pytest.mark.filterwarnings("ignore:gaze of . video", "ignore:no gaze below", "ignore:. files? left out")


def rows(gaze: Gaze) -> list[tuple[str, int, float, float]]:
    names = [gaze.observers[o] for o in gaze.observer]
    return list(zip(names, gaze.frame.tolist(), gaze.x.tolist(), gaze.y.tolist(), strict=True))


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


def eyes(left: tuple[float, float, int], right: tuple[float, float, int], frame: int = 1) -> str:
    (x, y, event), (x2, y2, event2) = left, right
    return f"{frame}\t{x}\t{y}\t900\t{event}\t{x2}\t{y2}\t900\t{event2}"


X, Y = LEFT + 100, TOP + 200
#: Both eyes in the events that real files hold: the right one's is never 2.
HELD = [
    ((X, Y, left), (X + 10, Y + 4, right)) for left, right in ((1, 1), (2, 1), (0, 1), (1, 0), (2, 0), (0, 0), (-1, -1))
]
MIDDLE, THE_LEFT, THE_RIGHT = (105.0, 202.0), (100.0, 200.0), (110.0, 204.0)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (("fixation",), {1: MIDDLE, 4: THE_LEFT}),
        (("saccade",), {2: MIDDLE, 5: THE_LEFT}),
        (("blink",), {3: THE_RIGHT}),
        (("fixation", "saccade"), {1: MIDDLE, 2: MIDDLE, 4: THE_LEFT, 5: THE_LEFT}),
        (("blink", "saccade", "fixation"), {1: MIDDLE, 2: MIDDLE, 3: THE_RIGHT, 4: THE_LEFT, 5: THE_LEFT}),
    ],
)
def test_the_event_of_the_left_eye_decides(
    tmp_path: Path, events: tuple[str, ...], expected: dict[int, tuple[float, float]]
) -> None:
    path = write_diem(tmp_path, [eyes(left, right, n) for n, (left, right) in enumerate(HELD, start=1)])
    assert {row[1]: row[2:] for row in convert(path, len(HELD), events=events)} == expected


def test_a_saccade_that_only_the_right_eye_names_does_not_decide(tmp_path: Path) -> None:
    path = write_diem(tmp_path, [eyes((X, Y, 1), (X + 10, Y + 4, 2))])
    assert convert(path, 1) == [("diem5s01", 1, *MIDDLE)]
    assert convert(path, 1, events=("saccade",)) == []


@pytest.mark.parametrize(
    ("apart", "rule", "expected"),
    [
        (100, "mean", (150.0, 200.0)),
        (101, "mean", (150.5, 200.0)),
        (100, "near", (150.0, 200.0)),
        (101, "near", None),
        (300, "left", (100.0, 200.0)),
        (300, "right", (400.0, 200.0)),
    ],
)
def test_both_eyes_far_apart_follow_a_rule(
    tmp_path: Path, apart: int, rule: str, expected: tuple[float, float] | None
) -> None:
    path = write_diem(tmp_path, [eyes((X, Y, 1), (X + apart, Y, 1))])
    assert [row[2:] for row in convert(path, 1, eyes=rule)] == ([] if expected is None else [expected])


@pytest.mark.parametrize(("rule", "frames"), [("mean", [1, 2]), ("near", [1, 2]), ("left", [1, 2]), ("right", [1])])
def test_an_eye_that_is_lost_has_no_point(tmp_path: Path, rule: str, frames: list[int]) -> None:
    lost = (-3270.0, -2187.7, 0)  # as real files have it in a blink
    path = write_diem(tmp_path, [eyes((X, Y, 1), (X + 10, Y, 1)), eyes((X, Y, 1), lost, 2), eyes(lost, lost, 3)])
    assert [row[1] for row in convert(path, 3, eyes=rule)] == frames


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
        (["1 2 3 4 1 2 3 4 -2"], ":1: event '-2' of the right eye"),
        (
            [*diem_lines(3)[:1], *diem_lines(33)[32:]],
            ": 2 lines up to frame 33, so 31 are missing; a file has a line a",
        ),
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


def test_a_video_that_is_larger_than_the_screen_is_an_error(tmp_path: Path) -> None:
    path = write_diem(tmp_path, diem_lines(3))
    for shown in ((1080, 1920), (961, 100), (100, 1281)):
        with pytest.raises(
            ValueError, match=rf"a video of {shown[1]} x {shown[0]} does not fit the screen of 1280 x 960"
        ):
            convert(path, shown=shown)
    assert convert(path, shown=(960, 1280))


def test_the_slack_of_diem_is_an_option(tmp_path: Path) -> None:
    path = write_diem(tmp_path, diem_lines(10))
    assert len(convert(path, 8, slack=2)) == 8
    with pytest.raises(ValueError, match="raise 'slack'"):
        convert(path, 8, slack=1)


def test_bad_arguments_for_diem_are_errors(tmp_path: Path) -> None:
    path = write_diem(tmp_path, diem_lines(3))
    with pytest.raises(FileNotFoundError, match=f"diem/{CLIP}: no files"):
        diem_gaze([], CLIP, SIZE, 3)
    with pytest.raises(ValueError, match="events 0: expected some of fixation, saccade and blink"):
        convert(path, events=("0",))
    with pytest.raises(ValueError, match="eyes 'both': expected one of mean, near, left, right"):
        convert(path, eyes="both")
    with pytest.raises(ValueError, match="does not end in the size shown"):
        diem_gaze([path], "hummingbirds", SIZE, 3)
    with pytest.raises(ValueError, match="a file of 'other_10x10' is named"):
        diem_gaze([path], "other_10x10", SIZE, 3)
    path.write_bytes(b"\xff\xfe1\x00")
    with pytest.raises(ValueError, match="not a text file of numbers"):
        convert(path)


def test_two_files_of_one_observer_are_an_error_and_a_copy_is_none(tmp_path: Path) -> None:
    path, copy = write_diem(tmp_path, diem_lines(3)), write_diem(tmp_path / "copy", diem_lines(3))
    assert len(diem_gaze([path, copy], CLIP, SIZE, 3)) == 3
    copy.write_text("\n".join(diem_lines(3, x=LEFT + 20)))
    with pytest.raises(ValueError, match=r"copy/diem5s01.* observer 'diem5s01' has another file, .*which differs"):
        diem_gaze([path, copy], CLIP, SIZE, 3)


@pytest.mark.parametrize("form", ["\r\n", "\r", "\n\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_and_marks_of_other_systems_are_fine(tmp_path: Path, form: str, mark: str) -> None:
    path = write_diem(tmp_path, [])
    path.write_bytes((mark + form.join(diem_lines(3))).encode())
    assert len(convert(path)) == 3


@pytest.mark.parametrize("cut", [12, 25, 28])
def test_a_last_line_that_is_broken_off_is_told(tmp_path: Path, cut: int) -> None:
    path = write_diem(tmp_path, [])
    first, last = diem_lines(2)
    path.write_text(f"{first}\n{last[:cut]}")
    with pytest.raises(
        ValueError, match=rf"{CLIP}\.txt:2: 9 numbers .*the last line and has no end, so the file was cut"
    ):
        convert(path, 2)
    path.write_text(f"{last[:cut]}\n{first}\n")
    with pytest.raises(ValueError, match=r"\.txt:1: 9 numbers") as error:
        convert(path, 2)
    assert "cut off" not in str(error.value)


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


def test_videos_of_diem_without_gaze_are_told_in_one_line(tmp_path: Path, diem_root: Path) -> None:
    source = tmp_path / "published"
    with pytest.raises(FileNotFoundError, match=r"no folder .*published"):
        convert_diem(source, diem_root)
    source.mkdir()
    with pytest.raises(FileNotFoundError, match="of a video in DIEM's lists below"):
        convert_diem(source, diem_root)
    with pytest.raises(FileNotFoundError, match="no data root"):
        convert_diem(source, tmp_path / "nowhere")
    write_diem(source, diem_lines(3), video="beverly_hills_chihuahua_1000x600")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError):  # a name of the lists with another size
        convert_diem(source, tmp_path / "empty")
    write_diem(source, full_length("50_people_london_1280x720"), video="50_people_london_1280x720")
    with pytest.warns(UserWarning, match="of 80 of 81 videos of DIEM: ") as told:
        (path,) = convert_diem(source, tmp_path / "empty")
    text, left = (str(warning.message) for warning in told)
    assert re.fullmatch(
        r"1 file left out, as no video of DIEM's lists is in the name: \S*beverly\S*_1000x600.txt", left
    )
    assert re.fullmatch(r"no gaze below .* of 80 of 81 videos of DIEM: [\w-]+, [\w-]+, [\w-]+ and 77 more", text)
    assert path == tmp_path / "empty/annotations/DIEM/50_people_london_1280x720/observers.csv"


def full_length(name: str) -> list[str]:
    """Lines of a file as long as the published lists say of a video."""
    lists = (PACKAGED_LISTS / f"DIEM_list_{part}_fps.txt" for part in ("train", "test"))
    (video,) = [v for path in lists for v in read_fold_list(path) if v.name == name]
    return diem_lines(video.n_frames)


def test_no_frames_are_needed_and_gaze_is_scaled_to_those_that_are_there(tmp_path: Path, diem_root: Path) -> None:
    for name in ("50_people_1000x600", CLIP, "one_show_1000x600"):
        write_diem(tmp_path / "published", diem_lines(3), video=name)
    shutil.rmtree(diem_root / "video_frames" / "DIEM" / CLIP)
    (diem_root / "video_frames" / "DIEM" / "50_people_1000x600" / "img_00001.jpg").unlink()
    with pytest.warns(UserWarning, match=r"gaze of 1 video is scaled .*one_show_1000x600 \(frames of 500 x 300\)"):
        written = convert_diem(tmp_path / "published", diem_root)
    found = {path.parent.name: read_gaze(path, 3, (600, 1000)).points(1).tolist() for path in written}
    assert found == {"50_people_1000x600": [[500, 300]], CLIP: [[500, 300]], "one_show_1000x600": [[250, 150]]}


def test_a_damaged_file_leaves_out_its_video_and_no_other(tmp_path: Path, diem_root: Path) -> None:
    for name in ("50_people_1000x600", CLIP, "one_show_1000x600"):
        write_diem(tmp_path / "published", diem_lines(3), video=name)
    write_diem(tmp_path / "published", ["1 2 3"], "diem5s02", CLIP)
    with pytest.raises(
        ValueError, match=rf"diem5s02\.asc_15_{CLIP}\.txt:1: 9 numbers .*; in all 1 of 3 videos were not"
    ):
        convert_diem(tmp_path / "published", diem_root)
    folder = diem_root / "annotations" / "DIEM"
    assert sorted(p.parent.name for p in folder.rglob("*.csv")) == ["50_people_1000x600", "one_show_1000x600"]
    assert not [p for p in folder.rglob("*") if p.name.startswith(".")]
    (diem_root / "video_frames" / "DIEM" / "one_show_1000x600" / "img_00001.jpg").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="; in all 2 of 3 videos were not converted"):
        convert_diem(tmp_path / "published", diem_root)


def test_a_video_without_a_point_is_left_out_and_nothing_is_written(tmp_path: Path, diem_root: Path) -> None:
    write_diem(tmp_path / "published", diem_lines(3))
    write_diem(tmp_path / "published", diem_lines(3, x=LEFT - 5), video="one_show_1000x600")
    with pytest.raises(
        ValueError, match=r"no point of 1 file of 'one_show_\w+' lies on the video .* 1 of 2 videos were"
    ):
        convert_diem(tmp_path / "published", diem_root)
    assert [path.parent.name for path in diem_root.rglob("*.csv")] == [CLIP]


def test_links_are_followed_and_rings_of_them_end(tmp_path: Path, diem_root: Path) -> None:
    store = tmp_path / "store"
    write_diem(store / "any" / "name", diem_lines(3))
    (store / "any" / "back").symlink_to(store)
    source = tmp_path / "published"
    source.mkdir()
    (source / "linked").symlink_to(store)
    (source / "again").symlink_to(store)
    with pytest.warns(UserWarning, match="of 2 of 3 videos of DIEM: "):
        (path,) = convert_diem(source, diem_root)
    assert len(read_gaze(path, 3, (300, 500))) == 3


def test_the_command(tmp_path: Path, diem_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "published"
    write_diem(source, [eyes((X, Y, 1), (X + 300, Y, 1)), eyes((X, Y, 2), (X + 10, Y, 1), 2)])
    words = ["data", "convert-diem", str(source), "--root", str(diem_root)]
    csv = diem_root / "annotations" / "DIEM" / CLIP / "observers.csv"
    assert main([*words, "--events", "saccade,fixation", "--eyes", "near"]) == 0
    assert [line.split(",")[2] for line in csv.read_text().splitlines()[1:]] == ["2"]
    out = capsys.readouterr().out
    assert " of 2 of 3 videos of DIEM: " in out
    assert f"note: gaze of 1 video is scaled from the size shown to that of the frames: {CLIP}" in out
    assert f"{csv}\n1 file written below {diem_root}\n" in out
    assert main(words) == 0
    assert [line.split(",")[2] for line in csv.read_text().splitlines()[1:]] == ["1"]
    assert main(words) == 0
    assert "nothing to do: all of them are there" in capsys.readouterr().out
    assert main([*words, "--events", "fixations"]) == 2
    assert "events fixations: expected some of fixation, saccade and blink" in capsys.readouterr().err
    write_diem(source, ["1 2 3"], "diem5s02")
    assert main(words) == 2
    captured = capsys.readouterr()
    assert " of 2 of 3 videos of DIEM: " in captured.out
    assert re.fullmatch(
        r"avsal data: .*diem5s02\.asc_15_.*:1: 9 numbers expected .*\n", captured.err.splitlines()[-1] + "\n"
    )


def test_a_file_that_is_no_file_leaves_out_its_video(tmp_path: Path, diem_root: Path) -> None:
    write_diem(tmp_path / "published", diem_lines(3), video="one_show_1000x600").rename(
        tmp_path / "published" / "diem5s01.asc_15_one_show_1000x600.TXT"
    )
    os.mkfifo(tmp_path / "published" / f"diem5s01.asc_15_{CLIP}.txt")
    (tmp_path / "published" / "diem5s01.asc_15_50_people_1000x600.txt").symlink_to("nowhere")
    with pytest.raises(ValueError, match=r"missing file .*50_people_1000x600\.txt; in all 2 of 3 videos were not"):
        convert_diem(tmp_path / "published", diem_root)
    assert (diem_root / "annotations" / "DIEM" / "one_show_1000x600" / "observers.csv").is_file()
    (tmp_path / "published" / "diem5s01.asc_15_50_people_1000x600.txt").unlink()
    with pytest.raises(ValueError, match=r"published/.* is a pipe, not a regular file; .* 1 of 2 videos were not"):
        convert_diem(tmp_path / "published", diem_root)

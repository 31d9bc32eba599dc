"""DHF1K's raw gaze, on files written here in the form of the eye tracker."""

from __future__ import annotations

import json
import os
import shutil
from fractions import Fraction

import numpy as np
import pytest
from conftest import write_list
from encoded import picture, write_video_file
from PIL import Image

from avsal_bench.cli import main
from avsal_bench.data.dataset import dataset
from avsal_bench.data.gaze.dhf1k_maps import density_map, fixation_map, gaze_of, read_viewer
from avsal_bench.data.gaze.from_dhf1k import convert_dhf1k
from avsal_bench.data.gaze.samples import read_gaze

HEADER = "Time\tType\tTrial\tL Dia X [px]\tL Dia Y [px]\tL POR X [px]\tL POR Y [px]\tL Event Info"
#: Microseconds of the first sample: a clock of the machine.
START = 84042779051


def line(milliseconds, x, y, event="Fixation"):
    """A sample at a pixel x, y of the video, counted from 1, in a video of 640 x 360 on the screen."""
    return f"{START + round(1000 * milliseconds)}\tSMP\t1\t16.38\t16.38\t{x * 2.25:.2f}\t{y * 2.25 + 45:.2f}\t{event}"


#: The first sample is at 0, on the border of frame 1.
BEGIN = line(0, 5, 5)


def raw(folder, lines, name="P01_Trail002.txt", header=HEADER):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def read(folder, lines, n_frames=3, **options):
    return read_viewer(raw(folder, [BEGIN, *lines]), "P01", n_frames, **options)


@pytest.mark.parametrize(
    ("milliseconds", "frame"),
    [(4, 1), (33.333, 1), (33.334, 2), (66.666, 2), (66.667, 3), (99.999, 3), (100, None), (100.001, None), (0, None)],
)
def test_a_sample_belongs_to_the_frame_between_whose_borders_it_is(tmp_path, milliseconds, frame):
    viewer = read(tmp_path, [line(milliseconds, 5, 5)])
    assert viewer.frame.tolist() == ([] if frame is None else [frame])
    assert read(tmp_path, [line(100, 5, 5)], 9).frame.tolist() == [], "on the border of frames 3 and 4"


@pytest.mark.parametrize(
    ("x", "y", "pixel"),
    [
        (1, 1, (0, 0)),
        (0.5, 0.5, (0, 0)),  # MATLAB rounds a half away from 0
        (0.49, 1, None),
        (1.49, 2.5, (2, 0)),
        (639, 359, (358, 638)),
        (639.49, 359.49, (358, 638)),
        (639.5, 5, None),
        (5, 359.5, None),
        (5, -3, None),
        (-700, 5, None),
    ],
)
def test_a_sample_lies_on_the_pixel_of_the_authors_script(tmp_path, x, y, pixel):
    # 2.25 screen pixels are one of the video, and 90 decimal places would be needed for some of these: exact ones only.
    viewer = read(tmp_path, [f"{START + 5000}\tSMP\t1\t1\t1\t{x * 2.25!r}\t{y * 2.25 + 45!r}\tFixation"])
    found = list(zip(viewer.row.tolist(), viewer.column.tolist(), strict=True))
    assert found == ([] if pixel is None else [pixel])
    for point in gaze_of([viewer]).points(1):
        assert (int(point[1]), int(point[0])) == pixel


def test_only_fixations_count_and_other_lines_are_left_out(tmp_path):
    lines = [line(5 + i, 10 + i, 10, event) for i, event in enumerate(("Fixation", "Saccade", "Blink", "-", "F"))]
    message = f"{START + 20000}\tMSG\t1\t# Message: 002.avi"
    path = raw(tmp_path, ["", BEGIN, message, *lines], header=f"## [BeGaze]\n## Sample rate: 250\n{HEADER}")
    assert read_viewer(path, "P01", 3).column.tolist() == [9, 13]
    path.write_bytes(b"\xef\xbb\xbf" + path.read_text().replace("\n", "\r\n").encode())
    assert read_viewer(path, "P01", 3).column.tolist() == [9, 13]


def test_files_of_four_columns_and_of_the_right_eye_are_read(tmp_path):
    plain = raw(tmp_path, ["0 45 90 F", "5000 45 90 F", "6000 45 90 S"], "a.txt", "time x y event")
    assert read_viewer(plain, "P01", 3).column.tolist() == [19]
    right = raw(tmp_path, [BEGIN, line(5, 20, 20)], "b.txt", HEADER.replace("L ", "R "))
    assert read_viewer(right, "P01", 3).column.tolist() == [19]


def test_a_video_of_another_size_fills_the_width_of_the_screen(tmp_path):
    point = f"{START + 5000}\tSMP\t1\t1\t1\t720\t450\tFixation"  # the middle of the screen
    for size in ((360, 640), (400, 640), (90, 160)):
        viewer = read(tmp_path, [point], size=size)
        assert (viewer.row.item(), viewer.column.item()) == (size[0] // 2 - 1, size[1] // 2 - 1)
    assert read(tmp_path, [line(50, 5, 5)], rate=25.0).frame.tolist() == [2]
    with pytest.raises(ValueError, match=r"a video of 640 x 480 that fills the width .* does not fit its height"):
        read(tmp_path, [point], size=(480, 640))


@pytest.mark.parametrize(
    ("header", "order"),
    [
        ("Time\tL POR X [px]\tL POR Y [px]\tL Event Info", (0, 1, 2, 3)),
        ("Time\tL POR Y [px]\tL POR X [px]\tL Event Info", (0, 2, 1, 3)),
        ("event\ty\tx\ttime [us]", (3, 2, 1, 0)),
        ("R Event Info\tTime\tR POR Y [px]\tR POR X [px]\tL POR X [px]\tType", (3, 0, 2, 1, None, "SMP")),
    ],
)
def test_columns_go_by_their_names_in_any_order(tmp_path, header, order):
    rows = ["0 45 90 F", "5000 45 135 F"]  # pixels of the screen
    lines = ["\t".join(row.split()[i] if isinstance(i, int) else i or "7" for i in order) for row in rows]
    viewer = read_viewer(raw(tmp_path, lines, header=header), "P01", 3)
    assert (viewer.column.tolist(), viewer.row.tolist()) == ([19], [39])


@pytest.mark.parametrize(
    ("header", "error"),
    [
        ("0\t45\t90\tF", "the first line, .* does not name time, x, y and event of one eye"),
        ("Time\tL POR X [px]\tR POR Y [px]\tR Event Info\tL Event Info", "of one eye"),
        ("Time\tPOR X [px]\tPOR X [px]\tPOR Y [px]\tEvent Info", r"two columns 'POR X \[px\]'"),
    ],
)
def test_a_first_line_that_does_not_say_which_column_is_which_is_an_error(tmp_path, header, error):
    with pytest.raises(ValueError, match=error):
        read_viewer(raw(tmp_path, [], header=header), "P01", 3)


@pytest.mark.parametrize(("unit", "step"), [(1000, "4"), (0.001, "4e[+]06")])
def test_times_of_another_unit_are_an_error(tmp_path, unit, step):
    lines = [f"{4000 * i / unit}\t720\t450\tF" for i in range(200)]
    path = raw(tmp_path, lines, header="time\tx\ty\tevent")
    with pytest.raises(ValueError, match=rf"Trail002\.txt: a sample every {step} microseconds .* Turn them"):
        read_viewer(path, "P01", 783)


def test_points_and_times_beyond_all_bounds_are_left_out_in_silence(tmp_path, recwarn):
    far = [f"{START + 5000}\tSMP\t1\t1\t1\t{x}\t450\tFixation" for x in ("1e300", "-1e300")]
    viewer = read(tmp_path, [*far, "1e300\tSMP\t1\t1\t1\t720\t450\tFixation"])
    assert (viewer.frame.tolist(), len(recwarn)) == ([], 0)


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        ([BEGIN[:-30]], r":2: 8 fields expected, as in the first line, got \d$"),
        ([BEGIN, line(5, 5, 5) + "\t1"], ":3: 8 fields expected, .* got 9"),
        ([BEGIN.replace("Fixation", "Gaze")], ":2: event 'Gaze' is none of Fixation, Saccade, Blink and -"),
        ([BEGIN.replace("Fixation", "")], ":2: event ''"),
        ([BEGIN.replace("11.25", "x")], ":2: time '84042779051', x 'x' and y '56.25' must be numbers"),
        ([BEGIN.replace("11.25", "nan")], ":2: time .* are no point"),
        ([BEGIN.replace("SMP", "XYZ")], ":2: type 'XYZ' is neither SMP, a sample, nor MSG, a message"),
        ([line(5, 5, 5), BEGIN], ":3: time 84042779051 after 84042784051; times must rise"),
        ([BEGIN, line(5, 5, 5).replace("SMP\t1", "SMP\t2")], ":3: trial 2 after trial 1; a file holds one recording"),
    ],
)
def test_a_bad_raw_file_is_named_with_its_line(tmp_path, lines, error):
    path = raw(tmp_path, lines)
    with pytest.raises(ValueError, match=rf"P01_Trail002\.txt{error}"):
        read_viewer(path, "P01", 3)


def test_raw_files_that_are_cut_off_empty_or_of_another_kind_are_named(tmp_path):
    path = raw(tmp_path, [])
    for cut in (25, 36, 44):
        path.write_text(f"{HEADER}\n{BEGIN}\n{line(5, 5, 5)[:-cut]}")
        with pytest.raises(ValueError, match=r"\.txt:3: .* the last line and has no end, so the file was cut"):
            read_viewer(path, "P01", 3)
    path.write_text("\n")
    with pytest.raises(ValueError, match=r"Trail002\.txt: an empty file; fetch it again"):
        read_viewer(path, "P01", 3)
    path.write_text("a,b,c\n1,2,3\n")
    with pytest.raises(ValueError, match=r"the first line, 'a,b,c', does not name time, x, y and event"):
        read_viewer(path, "P01", 3)
    path.write_text("time\tx\ty\tevent\tmore\n")
    with pytest.raises(ValueError, match="does not name time, x, y and event of one eye"):
        read_viewer(path, "P01", 3)
    path.write_bytes(HEADER.encode("utf-16"))
    with pytest.raises(ValueError, match="not a text file of numbers in UTF-8"):
        read_viewer(path, "P01", 3)
    path.write_text(HEADER)
    assert read_viewer(path, "P01", 3).frame.tolist() == []


CROSS = [(10, 20), (12, 25), (15, 20)]


def test_pairs_are_pixels_and_as_published_are_rows_x_columns_of_each_viewer(tmp_path):
    one = read(tmp_path / "a", [line(5 + i, x, y) for i, (x, y) in enumerate(CROSS)])
    other = read(tmp_path / "b", [line(5, 100, 200), line(40, 300, 300)])
    pairs = fixation_map([one, other], 1)
    assert sorted(map(tuple, np.argwhere(pairs).tolist())) == [(19, 9), (19, 14), (24, 11), (199, 99)]
    grids = fixation_map([one, other], 1, form="as_published")
    crossed = [(row, column) for row in (19, 24) for column in (9, 11, 14)]
    assert sorted(map(tuple, np.argwhere(grids).tolist())) == [*crossed, (199, 99)]
    assert np.argwhere(fixation_map([one, other], 2)).tolist() == [[299, 299]]
    assert not fixation_map([one, other], 3).any()
    assert not fixation_map([], 1).any()
    with pytest.raises(ValueError, match="form 'grid': expected 'pairs' or 'as_published'"):
        fixation_map([one], 1, form="grid")


def test_a_density_map_is_a_gaussian_at_each_pixel_over_its_maximum():
    fixated = np.zeros((360, 640), dtype=bool)
    fixated[40, 50] = True
    density = density_map(fixated)
    assert (density.dtype, density.max(), density[40, 50]) == (np.uint8, 255, 255)
    # The full width at half the height is 30 pixels.
    assert density[40, 50 + 15] == density[40 - 15, 50] == 128
    assert np.argwhere(density_map(fixated, "as_published") == 255).mean(0).tolist() == [42, 52]
    fixated[40, 51:54] = True
    assert density_map(fixated).max() == 255
    fixated[:] = False
    assert not density_map(fixated).any()
    fixated[0, 0] = fixated[359, 639] = True
    assert np.argwhere(density_map(fixated, "as_published") == 255).tolist()[0] == [2, 2]


def test_the_gaussian_is_the_same_part_of_a_smaller_or_larger_video():
    for scale in (1, 2, 4):
        fixated = np.zeros((180 * scale, 320 * scale), dtype=bool)
        fixated[20 * scale, 25 * scale] = True
        density = density_map(fixated, "as_published")
        assert np.argwhere(density == 255).mean(0).tolist() == [21 * scale, 26 * scale]
        half = (
            np.exp(-np.log(2) * np.array([1, 4]) * 4 / 9) * 255
        )  # 5 and 10 of the 7.5 to the half, from the middle on
        assert density[21 * scale, [31 * scale, 36 * scale]].tolist() == np.floor(half + 0.5).tolist()


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_the_point_of_a_viewer_is_the_middle_one_in_time(tmp_path, number):
    viewer = read(tmp_path, [line(5 + i, 10 + i, 10) for i in range(number)] + [line(40, 99, 99)])
    gaze = gaze_of([viewer])
    assert gaze.frame.tolist() == [1, 2]
    assert int(gaze.x[0]) == 9 + (number - 1) // 2


@pytest.fixture
def root(tmp_path):
    """A root with lists of two videos of three frames, and raw gaze of two viewers of each."""
    root = tmp_path / "data"
    root.mkdir()
    write_list(root, "DHF1K", "train", "_1", "0001 3 30.0\n0002 3 29.999999999999996\n")
    write_list(root, "DHF1K", "test", "_1", "0601 3 30\n")
    for video in ("001", "002"):
        for viewer in (1, 2):
            lines = [BEGIN, *(line(5 + 4 * i, 50 * viewer + 3 * i, 100 + i, "Fixation") for i in range(24))]
            raw(tmp_path / f"raw/P{viewer:02d}", lines, f"P{viewer:02d}_Trail{video}.txt")
    return root


pytestmark = pytest.mark.filterwarnings("ignore:dhf1k. 2 videos without a file", "ignore:. raw files? end over")


def test_all_videos_are_converted_once_into_the_layout_that_is_read(tmp_path, root):
    with pytest.warns(UserWarning, match=r"2 videos without a file in .*video: frames and .*640 x 360: 0001, 0002"):
        written = convert_dhf1k(tmp_path / "raw", root)
    assert len(written) == 2 * (3 + 3 + 1)
    for video in dataset("dhf1k").videos(root, "train", 1):
        assert video.n_frames == 3
        assert np.asarray(Image.open(video.densities.path(3))).shape == (360, 640)
        assert set(np.unique(np.asarray(Image.open(video.fixations.path(1))))) == {0, 255}
        assert len(read_gaze(video.gaze, 3, (360, 640), video.name)) == 6
    assert not [path for path in root.rglob(".*") if path.is_file()]
    before = {path: path.stat().st_mtime_ns for path in written}
    assert convert_dhf1k(tmp_path / "raw", root) == []
    assert {path: path.stat().st_mtime_ns for path in written} == before


def test_what_was_broken_off_goes_on_and_another_form_takes_its_place(tmp_path, root):
    convert_dhf1k(tmp_path / "raw", root)
    folder = root / "DHF1K/annotation/0002"
    pairs = np.asarray(Image.open(folder / "fixation/0002.png"))
    (folder / "maps/0002.png").unlink()
    (folder / "observers.csv").unlink()
    assert convert_dhf1k(tmp_path / "raw", root) == [folder / "maps/0002.png", folder / "observers.csv"]
    story = json.loads((folder / "converted.json").read_text())
    (folder / "converted.json").write_text(json.dumps(story | {"whole": False}))  # killed before its end
    assert convert_dhf1k(tmp_path / "raw", root) == []
    assert json.loads((folder / "converted.json").read_text())["whole"]
    assert len(convert_dhf1k(tmp_path / "raw", root, form="as_published")) == 2 * 6
    grids = np.asarray(Image.open(folder / "fixation/0002.png"))
    assert (grids > 0).sum() > (pairs > 0).sum()
    (tmp_path / "raw/P02/P02_Trail002.txt").unlink()
    written = convert_dhf1k(tmp_path / "raw", root, form="as_published")
    assert {path.parts[-3] if path.suffix == ".png" else path.parts[-2] for path in written} == {"0002"}


@pytest.mark.parametrize(
    "place", ["maps/0001.png", "fixation/0001.png", "fixation/maps/0001.mat", "fixations/0001.png"]
)
def test_maps_of_somebody_else_are_never_replaced(tmp_path, root, place):
    theirs = root / "DHF1K/annotation/0002" / place
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(b"theirs")
    with pytest.raises(ValueError, match=rf"0002/{place} is there, and no converted\.json .*--gaze-only"):
        convert_dhf1k(tmp_path / "raw", root)
    assert [path for path in root.rglob("*") if path.is_file() and "annotation" in path.parts] == [theirs]
    written = convert_dhf1k(tmp_path / "raw", root, gaze_only=True)
    assert [path.name for path in written] == ["observers.csv"] * 2
    assert theirs.read_bytes() == b"theirs"


def test_a_video_file_in_the_root_says_size_rate_and_frames(tmp_path, root, recwarn):
    (root / "DHF1K/video").mkdir(parents=True)
    for number in (1, 2):
        pictures = [picture(number, n)[:54] for n in range(5)]
        write_video_file(root / f"DHF1K/video/{number:03d}.avi", pictures, Fraction(25))
    convert_dhf1k(tmp_path / "raw", root)
    folder = root / "DHF1K/annotation/0002"
    assert len(list((folder / "maps").iterdir())) == 5
    assert np.asarray(Image.open(folder / "maps/0001.png")).shape == (54, 96)
    assert json.loads((folder / "converted.json").read_text())["rate"] == 25
    assert not [w for w in recwarn if "without a file" in str(w.message)]


def test_extracted_trees_get_gaze_in_the_pixels_of_their_frames(tmp_path, root):
    for name in ("1", "0002"):
        (root / f"DHF1K/train/{name}/images").mkdir(parents=True)
        Image.new("RGB", (320, 256)).save(root / f"DHF1K/train/{name}/images/0001.jpg")
    raw(tmp_path / "raw", [BEGIN], "P01_Trail9999.txt")
    with pytest.warns(UserWarning, match="1 video not converted, in no list .*: 9999"):
        convert_dhf1k(tmp_path / "raw", root)
    videos = {video.name: video for video in dataset("dhf1k").videos(root, "train", 1)}
    video = videos["0001"]
    assert video.gaze == root / "DHF1K/train/1/observers.csv"
    whole = read_gaze(video.gaze, 3, (256, 320), "0001")
    assert (whole.x[0], whole.y[0]) == (58.5 / 2, pytest.approx(102.5 * 256 / 360, abs=0.01))
    assert not (root / "DHF1K/annotation").exists()


def test_a_damaged_raw_file_leaves_out_its_video_and_no_other(tmp_path, root):
    raw(tmp_path / "raw/P02", ["1\tSMP"], "P02_Trail001.txt")
    with pytest.raises(ValueError, match=r"P02_Trail001\.txt:2: 8 fields .*; in all 1 of 2 videos were not converted"):
        convert_dhf1k(tmp_path / "raw", root)
    assert [path.name for path in (root / "DHF1K/annotation").iterdir()] == ["0002"]


def test_who_has_no_point_on_the_video_is_told_and_a_video_without_any_is_left_out(tmp_path, root):
    for viewer in (1, 2):
        raw(tmp_path / f"raw/P0{viewer}", [BEGIN, line(5, -50, 5)], f"P0{viewer}_Trail001.txt")
    raw(tmp_path / "raw/P02", [], "P02_Trail002.txt")
    with (
        pytest.warns(UserWarning, match=r"1 raw file without a fixation on the video: \S*P02_Trail002\.txt$"),
        pytest.raises(
            ValueError, match=r"P01_Trail001\.txt: no fixation of 2 raw files of video 0001 lies in its 3 frames"
        ),
    ):
        convert_dhf1k(tmp_path / "raw", root)
    assert [path.name for path in (root / "DHF1K/annotation").iterdir()] == ["0002"]


def test_files_with_names_like_those_of_raw_files_are_told(tmp_path, root):
    for name in ("P03_Trial001.txt", "P04-Trail001.txt", "P05_Trail001.tsv", "P06_Trail_001.txt", "readme.txt"):
        raw(tmp_path / "raw", [BEGIN], name)
    with pytest.warns(
        UserWarning, match=r"4 files left out, as the name is not P<viewer>_Trail<video>\.txt: .*P03_Tri"
    ):
        convert_dhf1k(tmp_path / "raw", root, gaze_only=True)


def test_a_raw_file_that_is_no_file_leaves_out_its_video(tmp_path, root):
    (tmp_path / "raw/P02/P02_Trail001.txt").unlink()
    os.mkfifo(tmp_path / "raw/P02/P02_Trail001.txt")
    with pytest.raises(ValueError, match=r"P02_Trail001\.txt is a pipe, not a regular file; .* 1 of 2 videos were not"):
        convert_dhf1k(tmp_path / "raw", root)
    (tmp_path / "raw/P02/P02_Trail001.txt").unlink()
    (tmp_path / "raw/P02/P02_Trail001.txt").symlink_to("nowhere")
    with pytest.raises(ValueError, match=r"missing file .*P02_Trail001\.txt; in all 1 of 2 videos were not"):
        convert_dhf1k(tmp_path / "raw", root)
    assert [path.name for path in (root / "DHF1K/annotation").iterdir()] == ["0002"]


@pytest.mark.filterwarnings("ignore:dhf1k")
def test_sources_of_other_forms(tmp_path, root):
    with pytest.raises(FileNotFoundError, match=r"no folder .*nowhere"):
        convert_dhf1k(tmp_path / "nowhere", root)
    with pytest.raises(FileNotFoundError, match=r"no data root .*none; make the folder"):
        convert_dhf1k(tmp_path / "raw", tmp_path / "none")
    (tmp_path / "packed").mkdir()
    (tmp_path / "packed/exportdata_train.rar").touch()
    with pytest.raises(FileNotFoundError, match=r"no P<viewer>_Trail.*; unpack .*exportdata_train\.rar first"):
        convert_dhf1k(tmp_path / "packed", root)
    with pytest.raises(NotADirectoryError, match=r"exportdata_train\.rar is a file; name the folder"):
        convert_dhf1k(tmp_path / "packed/exportdata_train.rar", root)
    raw(tmp_path / "new", [BEGIN], "P01_Trail9999.txt")
    with pytest.raises(FileNotFoundError, match=r"1 video not converted, in no list and without a file .*: 9999"):
        convert_dhf1k(tmp_path / "new", root)
    # The names that the authors' script expects, a link, and a copy of a file.
    raw(tmp_path / "script/P001", [BEGIN, line(5, 9, 9)], "P001_Trail0002.txt")
    (tmp_path / "script/linked").symlink_to(tmp_path / "script")
    shutil.copytree(tmp_path / "script/P001", tmp_path / "script/copy")
    convert_dhf1k(tmp_path / "script", root, gaze_only=True)
    assert "0002,P01,1,8." in (root / "DHF1K/annotation/0002/observers.csv").read_text()
    raw(tmp_path / "script/other", [BEGIN], "P1_Trail2.txt")
    with pytest.raises(ValueError, match="observer 'P01' has another file"):
        convert_dhf1k(tmp_path / "script", root)


def test_the_command(tmp_path, root, capsys):
    words = ["data", "convert-dhf1k", str(tmp_path / "raw"), "--root", str(root), "--workers", "1"]
    assert main([*words, "--form", "as-published", "--size", "90x160"]) == 0
    out = capsys.readouterr().out
    assert "note: dhf1k: 2 videos without a file" in out
    assert "12 maps of fixations and density beside them" in out
    assert "14 files written below" in out
    assert main([*words, "--form", "as_published", "--size", "90x160"]) == 0
    assert "nothing to do" in capsys.readouterr().out
    (root / "DHF1K/annotation/0002/converted.json").unlink()
    assert main(words) == 2
    assert "--gaze-only" in capsys.readouterr().err

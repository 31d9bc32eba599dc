"""LEDOV: both trees, lists in text and in Excel's sheets, points of frames by the authors' rule, and painted maps."""

import builtins
import math
import shutil
import zipfile
import zlib

import numpy as np
import pytest
from ledov_trees import (
    FPS,
    ROWS,
    SIZE,
    TEST,
    TRAIN,
    VIDEOS,
    save_data,
    save_data_73,
    save_sheet,
    write_ledov,
    write_ledov_of_aam,
)

from avsal_bench.cli import main
from avsal_bench.data.audit.audit import check_sets
from avsal_bench.data.clips.data_config import DataConfig
from avsal_bench.data.clips.datamodule import SaliencyDataModule
from avsal_bench.data.dataset import dataset
from avsal_bench.data.files import truth_files
from avsal_bench.data.files.frames import frame_size
from avsal_bench.data.files.points import fixdata, mat_structs
from avsal_bench.data.files.presence import check_videos
from avsal_bench.data.layouts.name_lists import read_names
from avsal_bench.data.places import NumberedFiles, PaintedMaps, VideoFile
from avsal_bench.data.sets.without_sound.ledov import UNLISTED
from avsal_bench.data.statistics.stats import set_stats
from avsal_bench.spec import ClipSpec
from avsal_bench.workers import Workers

#: x and y of the points of each frame of human_talking01, 12 frames; by hand from ROWS and the rule.
BY_HAND = [
    [(10.7, 5.2)],
    [],
    *[[(60, 50), (70, 50)]] * 3,
    *[[(41, 30), (70, 50)]] * 2,
    *[[(70, 50)]] * 5,
]


@pytest.fixture(scope="module", params=["authors", "aam", "aam without masks"])
def tree(request, tmp_path_factory):
    root = tmp_path_factory.mktemp("ledov")
    if request.param == "authors":
        write_ledov(root)
    else:
        write_ledov_of_aam(root, masks=request.param == "aam")
    return request.param, root


@pytest.fixture
def root(tmp_path):
    write_ledov_of_aam(tmp_path, masks=False)
    return tmp_path


def videos(root, part="train"):
    return dataset("ledov").videos(root, part, 1)


def demo_m(rows, frames, fps, width, height):
    """The authors' rule, row by row, as their script goes."""
    found, waiting, centre = [[] for _ in range(frames)], True, math.floor(height / 20 + 0.5)
    for k, (_, start, duration, x, y) in enumerate(rows):
        waiting = waiting or k == 0 or start < rows[k - 1][1]
        inside = 0 < x < width and 0 < y < height
        off = abs(x - width / 2) > centre and abs(y - height / 2) > centre
        if waiting and not (off and inside):
            continue
        waiting = False
        if inside:
            first, last = math.ceil(start / (1000 / fps)), math.ceil((start + duration) / (1000 / fps))
            for frame in range(max(first, 1), min(last, frames) + 1):
                found[frame - 1].append((x, y))
    return found


def pixels(points):
    return [[(max(math.floor(y), 1) - 1, max(math.floor(x), 1) - 1) for x, y in of_frame] for of_frame in points]


def test_both_trees_have_the_same_videos_points_and_sizes(tree):
    kind, root = tree
    assert [v.name for v in videos(root)] == ["animal_bat01", "manmade_yacht03", "manmade_car01"]  # each once
    (tested,) = videos(root, "test")
    assert (tested.name, tested.n_frames, tested.fps, tested.category) == ("human_talking01", 12, FPS, "human")
    assert isinstance(tested.frames, VideoFile if kind == "authors" else NumberedFiles)
    assert frame_size(tested) == truth_files.map_size(tested) == SIZE
    check_videos([*videos(root), tested], audio=False)
    found = [[tuple(point) for point in truth_files.points(tested, n).tolist()] for n in range(1, 13)]
    assert found == pixels(BY_HAND) == pixels(demo_m(ROWS, 12, FPS, SIZE[1], SIZE[0]))
    assert truth_files.fixations(tested, 3).nonzero().tolist() == [[49, 59], [49, 69]]
    levels = truth_files.density_levels(tested, 3).numpy()
    if kind == "aam":
        assert (levels[0, 0], levels[30, 40]) == (2, 255)
        assert tested.densities.path(1).name == "0001.png"
        assert tested.frames.path(1).name == "0000.png"
    else:
        assert isinstance(tested.densities, PaintedMaps)
        assert (levels == fixdata.paint(np.array([[49, 59], [49, 69]]), SIZE)).all()


def test_videos_in_no_list_are_named(tree):
    kind, root = tree
    with Workers(0) as workers:
        report = check_sets({"ledov": root}, workers)
        assert set_stats("ledov", root, workers).videos == 4
    (remark,) = [f for f in report.findings if f.kind == "remark"]
    assert "1 video is in no list: animal_fox01" in remark.text
    masks = {"no fixations", "misplaced points"}  # of the tree of AAM, with a bright pixel in the middle
    assert {f.kind for f in report.findings} <= {"remark", *(masks if kind == "aam" else ["nobody looked"])}
    assert (len(UNLISTED), "manmade_yacht03" in UNLISTED) == (16, False)


def test_both_trees_train(tree):
    _, root = tree
    config = DataConfig({"ledov": root}, batch_size=2, val_fraction=0.3, fixations=True)
    batch = next(iter(SaliencyDataModule(config, ClipSpec(frames=4, size=(32, 32))).train_dataloader()))
    assert (batch["frames"].shape, batch["density"].shape) == ((2, 3, 4, 32, 32), (2, 32, 32))
    assert batch["fixated"].any()


def test_the_rule_holds_for_many_fixations(tmp_path):
    rng = np.random.default_rng(0)
    rows = [
        (viewer, start, rng.integers(20, 900), rng.uniform(-5, 85), rng.uniform(-5, 65))
        for viewer in range(30)
        for start in np.sort(rng.integers(0, 3000, rng.integers(1, 9)))
    ]
    about = fixdata.About(31, 12.5, SIZE)
    found = fixdata.points_of_frames(tmp_path, about, np.array(rows, dtype=np.float64))
    assert [[tuple(point) for point in points.tolist()] for points in found] == pixels(
        demo_m(rows, 31, 12.5, SIZE[1], SIZE[0])
    )
    assert not any(map(len, fixdata.points_of_frames(tmp_path, about, np.zeros((0, 5)))))


def test_maps_are_gaussians_of_80_pixels_at_half_height_in_a_window_of_201():
    painted = fixdata.paint(np.array([[300, 500]]), (720, 1280)).astype(int)
    assert painted[300, 500] == 255
    assert abs(painted[300, 540] - 127.5) <= 0.5
    assert (painted[300, 600] > 0, painted[300, 601], painted[400, 500] > 0, painted[401, 500]) == (True, 0, True, 0)
    twice = fixdata.paint(np.array([[300, 500], [300, 500], [300, 900]]), (720, 1280))
    assert (twice[300, 500], abs(int(twice[300, 900]) - 127.5) <= 0.5) == (255, True)
    corner = fixdata.paint(np.array([[0, 0]]), SIZE)
    assert corner[0, 0] == corner.max() == 255
    assert not fixdata.paint(np.zeros((0, 2), dtype=np.int64), SIZE).any()


def test_data_of_version_7_3_are_the_same(tmp_path):
    pytest.importorskip("h5py")
    old, new = tmp_path / "old" / "Data.mat", tmp_path / "new" / "Data.mat"
    save_data(old, 12)
    save_data_73(new, 12)
    assert fixdata.about(old) == fixdata.about(new) == fixdata.About(12, FPS, SIZE)
    pairs = zip(fixdata.read_fixdata(old, None), fixdata.read_fixdata(new, None), strict=True)
    assert all((a == b).all() for a, b in pairs)


def test_without_h5py_the_error_says_how_to_have_it(tmp_path, monkeypatch):
    path = tmp_path / "Data.mat"
    path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(512) + b"\x89HDF\r\n\x1a\n" + bytes(64))
    plain = builtins.__import__

    def without(name, *rest):
        if name == "h5py":
            raise ImportError(name)
        return plain(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ValueError, match=r"Data.mat: .*version 7.3.*avsal-bench\[hdf5\].*-v7"):
        fixdata.about(path)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda p: save_data(p, 0), "VideoFrames 0 and VideoFrameRate 10 are of no video"),
        (lambda p: save_data(p, 9.5), "VideoFrames 9.5"),
        (lambda p: save_data(p, 9, fps=0.0), "VideoFrameRate 0"),
        (lambda p: save_data(p, 9, size=(0, 80)), "no width and height"),
        (lambda p: save_data(p, 9, size=(5, 5)), "lie outside of 5 x 5 pixels; is VideoSize height and width"),
        (
            lambda p: save_data(p, 9, [(1, 0, 9, 70, 9), (1, 0, 9, 4, 9)] * 10, (80, 60)),
            "10 fixations of 20 lie outside",
        ),
        (lambda p: save_data(p, 9, names=("VideoFrames", "VideoFrameRate", "Size")), "no field VideoSize"),
        (lambda p: p.write_bytes(b"no mat file at all" * 40), "unreadable"),
        (lambda p: p.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(500)), "Data.mat"),
        (lambda p: save_data(p, 900_000, rows=[(1, 0, 9e9, 60, 50)] * 40), "points in 900,000 frames"),
    ],
)
def test_what_is_wrong_with_data_is_named(tmp_path, made, words):
    path = tmp_path / "Data.mat"
    made(path)
    with pytest.raises(ValueError, match=words) as raised:
        fixdata.read_fixdata(path, None)
    assert str(path) in str(raised.value)


def test_a_file_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(mat_structs, "_MOST_UNPACKED", 3_000_000)
    packed = zlib.compress(bytes(4_000_000), 9)
    path = tmp_path / "Data.mat"
    header = b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM"
    path.write_bytes(header + (15).to_bytes(4, "little") + len(packed).to_bytes(4, "little") + packed)
    with pytest.raises(ValueError, match="unpacks to more than"):
        mat_structs.struct_fields(path, "Data", ["fixdata"])


@pytest.mark.parametrize("form", ["xlsx", "csv", "txt", "with a head", "one list"])
def test_lists_come_in_any_form(root, form):
    folder = root / "LEDOV"
    if form != "xlsx":
        for path in folder.glob("*.xlsx"):
            path.unlink()
        end = "csv" if form in ("csv", "with a head") else "txt"
        head = "number,VideoName\n" if form == "with a head" else ""
        lines = {
            stem: [f"{n},{name}" if head else name for n, name in enumerate(names)]
            for stem, names in (("LEDOV_TestVideoList", TEST), ("LEDOV_TrainValidVideoList", TRAIN))
        }
        for stem, names in lines.items():
            if form != "one list" or "Test" in stem:
                (folder / f"{stem}.{end}").write_text(head + "\n".join(names) + "\n\n")
    assert [v.name for v in videos(root, "test")] == TEST
    trained = [v.name for v in videos(root)]
    assert sorted(trained) == sorted(set(TRAIN))  # animal_fox01 is one of the sixteen in no list
    assert form == "one list" or trained == list(dict.fromkeys(TRAIN))


def test_what_is_wrong_with_lists_is_named(root, tmp_path):
    folder = root / "LEDOV"
    (folder / "LEDOV_TestVideoList.txt").write_text("human_talking01")
    with pytest.raises(ValueError, match=r"VideoList.txt and .*VideoList.xlsx are both lists of one part; keep one"):
        videos(root)
    (folder / "LEDOV_TestVideoList.xlsx").unlink()
    (folder / "LEDOV_TestVideoList.txt").write_text("human_talking01\nmanmade_car01.mp4\n")
    with pytest.raises(ValueError, match="both name 'manmade_car01': it would be tested on what it was trained on"):
        videos(root)
    (folder / "LEDOV_TestVideoList.txt").write_text("human_talking01\nhuman_gone07\n")
    with pytest.raises(FileNotFoundError, match=r"human_gone07 has no .*1 video lacks theirs, of 2 of the part test"):
        videos(root, "test")
    (folder / "LEDOV_TestVideoList.txt").write_text("../up\n")
    with pytest.raises(ValueError, match="may not hold '/'"):
        videos(root, "test")
    (folder / "LEDOV_TestVideoList.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"no list of test videos .*LEDOV_TestVideoList.txt .or .csv, .xlsx."):
        videos(root)


def test_sheets_of_strangers_are_bounded(tmp_path):
    sheet = tmp_path / "a.xlsx"
    save_sheet(sheet, ["animal_bat01", "animal_bat02", "animal_bat01"])
    assert read_names(sheet) == ["animal_bat01", "animal_bat02"]
    for text, words in (
        (b"<!DOCTYPE x [<!ENTITY a 'b'>]><sst/>", "declares entities"),
        (b" " * 17_000_000, "unpacks to more than"),
        (b"<sst", "not read as a sheet of Excel"),
    ):
        with zipfile.ZipFile(sheet, "w", zipfile.ZIP_DEFLATED) as book:
            book.writestr("xl/worksheets/sheet1.xml", b"<worksheet/>")
            book.writestr("xl/sharedStrings.xml", text)
        with pytest.raises(ValueError, match=words):
            read_names(sheet)
    with zipfile.ZipFile(sheet, "w") as book:  # the first cell of the head is empty, and so is not in the file
        head = '<row><c r="AB1" t="str"><v>VideoName</v></c></row>'
        row = '<row><c r="A2"><v>1</v></c><c r="AB2" t="str"><v>animal_bat01</v></c></row>'
        space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
        book.writestr("xl/worksheets/sheet1.xml", f'<worksheet xmlns="{space}">{head}{row}</worksheet>')
    assert read_names(sheet) == ["animal_bat01"]
    sheet.write_bytes(b"no zip")
    with pytest.raises(ValueError, match=r"a.xlsx: not read as a sheet of Excel .*; save it as a.txt"):
        read_names(sheet)


def test_a_folder_of_other_length_than_its_gaze_is_told(root):
    name = "animal_bat01"
    (root / "LEDOV" / "image" / name / "0008.png").unlink()
    video = {v.name: v for v in videos(root)}[name]
    assert video.n_frames == VIDEOS[name] - 1
    assert any(f"{name}: 8 pictures, and Data.mat is of 9" in text for text in dataset("ledov").remarks(root))
    (root / "LEDOV" / "image" / name / "0004.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"missing file .*0004.png"):
        check_videos([video], audio=False)


def test_a_film_that_is_not_there_is_named(tmp_path):
    write_ledov(tmp_path)
    shutil.move(tmp_path / "LEDOV/human_talking01/human_talking01.mp4", tmp_path / "away.mp4")
    with pytest.raises(FileNotFoundError, match=r"missing video .*human_talking01.mp4"):
        check_videos(videos(tmp_path, "test"), audio=False)
    main(["data", "get", "ledov", "--root", str(tmp_path / "none"), "--dry-run"])

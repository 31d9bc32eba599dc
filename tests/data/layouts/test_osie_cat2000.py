"""Still sets whose truth lies otherwise: OSIE in one file of points without maps, CAT2000 in folders of categories."""

import shutil

import numpy as np
import pytest
from conftest import HOME
from scipy.io import savemat
from stills import SIZE, cell, save_osie_gaze, write_cat2000, write_osie

from avsal_bench.bench.job import Job
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.run import run_job
from avsal_bench.bench.workspace import Workspace
from avsal_bench.cli import main
from avsal_bench.data.audit.audit import check_sets
from avsal_bench.data.clips.data_config import DataConfig
from avsal_bench.data.clips.datamodule import SaliencyDataModule
from avsal_bench.data.dataset import dataset
from avsal_bench.data.files.points import fixation_cells
from avsal_bench.data.files.presence import check_videos
from avsal_bench.data.files.truth_files import density, density_levels, fixations, points
from avsal_bench.data.layouts.lists import story_of_lists
from avsal_bench.data.statistics.stats import set_stats
from avsal_bench.records import read_record
from avsal_bench.spec import ClipSpec
from avsal_bench.workers import Workers

BOTH = ("osie", "cat2000")
GAZE = "OSIE/data/eye/fixations.mat"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    root = tmp_path_factory.mktemp("stills")
    return root, {"osie": write_osie(root), "cat2000": write_cat2000(root)}


@pytest.fixture
def root(written, tmp_path):
    """A copy that a test may damage."""
    shutil.copytree(written[0], tmp_path / "data")
    return tmp_path / "data"


def parts(name, root):
    return [dataset(name).videos(root, part, 1) for part in ("train", "test")]


def image(root, name="1001"):
    return next(v for part in parts("osie", root) for v in part if v.name == name)


def test_what_other_programs_left_is_no_image_and_a_part_of_a_set_is_told(root):
    before = {name: [[v.name for v in part] for part in parts(name, root)] for name in BOTH}
    images = root / "CAT2000/trainSet/Stimuli"
    (images / "__MACOSX").mkdir()
    for folder, name in ((root / "OSIE/data/stimuli", "1001"), (sorted(images.iterdir())[0], "001")):
        shutil.copy(folder / f"{name}.jpg", folder / f"{name} (1).jpg")
        (folder / f"{name}.jpg").rename(folder / f"{name}.JPG")
    assert {name: [[v.name for v in part] for part in parts(name, root)] for name in BOTH} == before
    for name, usual in (("osie", 200), ("cat2000", 400)):
        tested = len(parts(name, root)[1])
        assert story_of_lists(root, dataset(name), 1) == {
            "folds": [1],
            "own_list": {"videos": tested, "usual": usual},
        }


def test_images_are_videos_of_one_frame_with_the_points_that_were_written(written):
    root, truth = written
    for name in BOTH:
        found = [video for part in parts(name, root) for video in part]
        assert {video.name for video in found} == set(truth[name])
        check_videos(found, audio=False)
        for video in found:
            assert (video.n_frames, video.seconds, video.still, video.audio) == (1, 0.0, True, None)
            right = {(y, x) for x, y in truth[name][video.name]}
            assert {tuple(p) for p in fixations(video, 1).nonzero().tolist()} == right
            assert fixations(video, 1).shape == density_levels(video, 1).shape == SIZE
            assert 0.7 < density(video, 1, (12, 16)).max() <= 1.01


def test_points_of_osie_keep_their_repeats_and_those_of_its_edge_are_in_the_image(written):
    root, truth = written
    for part in parts("osie", root):
        for video in part:
            assert points(video, 1).tolist() == [[y, x] for x, y in truth["osie"][video.name]]


def test_a_map_of_osie_is_that_of_the_authors_filter():
    """Their ``imfilter`` with ``fspecial``, written out: a window of 168 pixels, its middle the 84th, zeros around."""
    at = np.array([[0, 0], [47, 63], [20, 30], [20, 30], [21, 33]])
    side = np.arange(1, 169) - 84.5
    window = np.exp(-(side[:, None] ** 2 + side[None] ** 2) / (2 * 24.0**2))
    wide = np.zeros((SIZE[0] + 400, SIZE[1] + 400))
    wide[200 + at[:, 0], 200 + at[:, 1]] = 1
    patches = np.lib.stride_tricks.sliding_window_view(wide, window.shape)[117 : 117 + SIZE[0], 117 : 117 + SIZE[1]]
    right = np.einsum("ijkl,kl->ij", patches, window)
    right = np.floor((right - right.min()) / (right.max() - right.min()) * 255 + 0.5)
    assert np.abs(fixation_cells.painted(at, SIZE).astype(int) - right).max() == 0
    assert not fixation_cells.painted(np.zeros((0, 2), dtype=np.int64), SIZE).any()


def test_the_splits_are_rules_of_names(written, tmp_path):
    train, test = parts("osie", written[0])
    assert (len(train), [v.name for v in test]) == (5, ["1002", "1003"])  # the first by `printf osie/<image> | sha1sum`
    train, test = parts("cat2000", written[0])
    assert [v.name for v in test] == ["Action_005", "LineDrawing_003"]
    assert {v.category for v in train} == {"Action", "LineDrawing"}
    assert len(train) == 8
    for folder in ("OSIE/data/stimuli", "OSIE/data/eye"):
        (tmp_path / folder).mkdir(parents=True)
    for n in range(700):
        (tmp_path / f"OSIE/data/stimuli/{1001 + n}.jpg").touch()
    assert [len(part) for part in parts("osie", tmp_path)] == [500, 200]
    for kind in ("FIXATIONMAPS", "FIXATIONLOCS", "Stimuli"):
        for category in ("Art", "Noisy"):
            (tmp_path / "CAT2000/trainSet" / kind / category).mkdir(parents=True)
    for n in range(100):
        for category in ("Art", "Noisy"):
            (tmp_path / f"CAT2000/trainSet/Stimuli/{category}/{n + 1:03d}.jpg").touch()
    train, test = parts("cat2000", tmp_path)
    assert (len(train), sum(v.category == "Art" for v in test), len(test)) == (160, 20, 40)


def test_osie_is_found_without_the_folder_in_between(root):
    for folder in ("stimuli", "eye"):
        shutil.move(root / "OSIE/data" / folder, root / "OSIE" / folder)
    shutil.rmtree(root / "OSIE/data")
    assert [len(part) for part in parts("osie", root)] == [5, 2]


def test_a_data_module_trains_and_validates_on_them(written):
    data = SaliencyDataModule(
        DataConfig(dict.fromkeys(BOTH, written[0]), batch_size=4, fixations=True), ClipSpec(1, (32, 48))
    )
    batch = next(iter(data.train_dataloader()))
    assert batch["frames"].shape == (4, 3, 1, 32, 48)
    assert batch["density"].amax((1, 2)).min() > 0.5
    assert batch["fixated"].any((1, 2)).all()
    assert len(data.test_videos()) == 4


@pytest.mark.parametrize(
    ("viewer", "said"),
    [
        (
            [(20.0, 60.0)],
            r"fixations.mat: 1001.jpg has a fixation at x 20 and y 60, outside of its 64 x 48",
        ),
        ([(-0.1, 3.0)], r"fixations.mat: 1001.jpg has a fixation at x -0.1 and y 3, outside"),
        ([(float("nan"), 3.0)], r"fixations.mat: 1001.jpg, viewer 2: a fixation without a place \(NaN or infinity\)"),
    ],
)
def test_a_fixation_in_no_place_of_the_image_is_an_error(root, viewer, said):
    save_osie_gaze(root / GAZE, {"1001.jpg": [[(3.0, 4.0)], viewer]})
    with pytest.raises(ValueError, match=said):
        points(image(root), 1)


def one(**fields):
    return cell([{"img": "1001.jpg", "subjects": cell([{"fix_x": [1.0, 2.0], "fix_y": [1.0, 2.0], **fields}])}])


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"gaze": one()}, "no variable 'fixations' in it"),
        ({"fixations": np.ones((3, 4))}, "fixations: expected cells with img and subjects"),
        ({"fixations": cell([{"img": "1001.jpg"}])}, "fixations: expected cells with img and subjects"),
        ({"fixations": cell([{"img": 1001.0, "subjects": cell([])}])}, "entry 1 names no image"),
        ({"fixations": cell([*one()[:, 0], *one()[:, 0]])}, "entry 2 names no image, or one that was named before"),
        ({"fixations": one(fix_y=[1.0])}, "1001.jpg, viewer 1: 2 numbers fix_x and 1 fix_y"),
        ({"fixations": one(fix_x="ab")}, "1001.jpg, viewer 1: 1 numbers fix_x and 2 fix_y"),
        ({"fixations": cell([{"img": "1002.jpg", "subjects": cell([])}])}, "no fixations of 1001.jpg, but of 1 other"),
        ({"fixations": np.zeros((50_000,), dtype=np.uint8)}, "it unpacks to 40,000 bytes or more"),
    ],
)
def test_a_file_of_fixations_that_is_none_is_an_error_that_names_it(root, variables, said, monkeypatch):
    monkeypatch.setattr(fixation_cells, "_MOST_UNPACKED", 40_000)
    savemat(root / GAZE, variables, do_compression=True)
    with pytest.raises(ValueError, match=rf"fixations.mat.*{said}"):
        points(image(root), 1)


def test_a_file_that_is_cut_off_or_of_another_kind_is_an_error(root):
    whole = (root / GAZE).read_bytes()
    for data in (whole[:300], whole[:60], b"", b"404: not found", b"\x89HDF\r\n\x1a\n" + bytes(600)):
        (root / GAZE).write_bytes(data)
        with pytest.raises(ValueError, match=r"fixations.mat"):
            points(image(root), 1)
    (root / GAZE).unlink()
    with pytest.raises(FileNotFoundError, match=r"missing points .*fixations.mat"):
        check_videos([image(root)], audio=False)


def test_a_file_that_lies_about_its_sizes_takes_no_memory(root):
    packed = root / GAZE
    for form in ("<i4", ">i4"):
        savemat(packed, {"fixations": one()})
        data = packed.read_bytes()
        if form == ">i4":  # as a machine of the other order writes it, as far as the sizes go
            data = b"\1".join((data[:124], b"\0MI")) + data[128:].replace(data[128:132], b"\0\0\0\x0e", 1)
        told, lie = (np.array([n, 1], dtype=form).tobytes() for n in (1, 2**30))
        tag = np.array([5, 8], dtype=form).tobytes()
        data = data.replace(np.array([5, 8, 1, 1], dtype="<i4").tobytes(), tag + told)
        flags = np.array([6, 8], dtype="<i4").tobytes()
        data = data.replace(flags, np.array([6, 8], dtype=form).tobytes()).replace(tag + told, tag + lie)
        packed.write_bytes(data)
        with pytest.raises(ValueError, match=r"fixations.mat \(an array of 1073741824 x 1 numbers in .* bytes\)"):
            points(image(root), 1)
    packed.write_bytes(b"any text " + data[9:])
    with pytest.raises(ValueError, match=r"fixations.mat \(an array of"):
        points(image(root), 1)


def test_structs_of_matlab_do_for_cells(root):
    subjects = np.array([([1.0], [2.0])], dtype=[("fix_x", "O"), ("fix_y", "O")])
    savemat(root / GAZE, {"fixations": np.array([("1001.jpg", subjects)], dtype=[("img", "O"), ("subjects", "O")])})
    assert points(image(root), 1).tolist() == [[1, 0]]


def test_check_names_what_is_missing_or_damaged(written, root):
    with Workers(0) as workers:
        assert check_sets(dict.fromkeys(BOTH, written[0]), workers).findings == ()
        (root / "CAT2000/trainSet/FIXATIONMAPS/Action/002.jpg").unlink()
        (root / "CAT2000/trainSet/FIXATIONLOCS/Action/003.mat").write_bytes(b"404")
        save_osie_gaze(root / GAZE, {f"{n}.jpg": [[(1.0, 1.0)]] for n in range(1001, 1007)})
        found = check_sets(dict.fromkeys(BOTH, root), workers).findings
    assert {(f.dataset, f.video, f.kind) for f in found} == {
        ("cat2000", "Action_002", "maps missing"),
        ("cat2000", "Action_003", "unreadable fixations"),
        ("osie", "1007", "unreadable fixations"),
        ("osie", "1007", "unreadable map"),
    }


@pytest.mark.parametrize(("name", "missing"), [("osie", "OSIE/data/eye"), ("cat2000", "CAT2000/trainSet/FIXATIONLOCS")])
def test_a_tree_without_a_folder_or_images_says_so(root, name, missing):
    shutil.rmtree(root / missing)
    with pytest.raises(FileNotFoundError, match=rf"{name}: no folder .*{missing}; .*data/sets/{name}.py"):
        dataset(name).videos(root, "train", 1)
    (root / missing).mkdir()
    for path in [*root.glob("OSIE/data/stimuli/*.jpg"), *root.glob("CAT2000/trainSet/Stimuli/Action/*.jpg")]:
        path.unlink()
    with pytest.raises(FileNotFoundError, match=rf"{name}: no .jpg images in .*"):
        dataset(name).videos(root, "train", 1)


def test_stats_count_images_and_their_fixations(written):
    with Workers(0) as workers:
        found = {name: set_stats(name, written[0], workers) for name in BOTH}
    assert [(found[name].videos, found[name].hours, found[name].gaze.mean) for name in BOTH] == [(7, 0, 3), (10, 0, 2)]


def test_the_commands_of_a_user(written, tmp_path, monkeypatch, capsys):
    root = str(written[0])
    monkeypatch.chdir(tmp_path)
    assert main(["data", "check", *BOTH, "--root", root, "--workers", "0"]) == 0
    assert "0 errors" in capsys.readouterr().out
    assert main(["data", "prepare", "osie", "--root", root, "--workers", "0"]) != 0
    assert "is a still image, which has no prepared form; leave osie out" in capsys.readouterr().err
    for name, folder in zip(BOTH, ("OSIE", "CAT2000"), strict=True):
        assert main(["data", "get", name, "--root", root]) == 0
        assert main(["data", "get", name, "--root", str(tmp_path / "new"), "--dry-run"]) == 0
        assert f"{folder}" in capsys.readouterr().out


@pytest.mark.slow
def test_an_image_encoder_trains_on_one_and_is_tested_on_both(written, synth_root, tmp_path, capsys):
    small = {"size": "[32, 64]", "encoder": "mobilenetv2"}
    stages = {"stages.salicon.data": "[osie]", "stages.mit1003.data": "[osie]", "test": "[osie, cat2000]"}
    epochs = {"stages.salicon.epochs": 1, "stages.mit1003.epochs": 1}
    settings = {**{f"network.{name}": value for name, value in small.items()}, **stages, **epochs}
    space = Workspace(HOME, written[0], synth_root, tmp_path / "runs", tmp_path / "leaderboard")
    job = Job("image_saliency", "v", 1, 0, "smoke", "stavis", tuple(f"{k}={v}" for k, v in settings.items()))
    found = {r.dataset: r for r in map(read_record, run_job(job, space, Machine(devices=1, logger=("csv",))))}
    assert {name: [v.video for v in record.videos] for name, record in found.items()} == {
        "osie": ["1002", "1003"],
        "cat2000": ["Action_005", "LineDrawing_003"],
    }
    assert [v.category for v in found["cat2000"].videos] == ["Action", "LineDrawing"]
    assert all(0 < v.scores["AUC-J"] <= 1 for record in found.values() for v in record.videos)
    assert "data prepare" not in capsys.readouterr().out  # stills have no prepared form


def test_a_network_that_hears_is_told_why_not(written):
    with pytest.raises(ValueError, match=r"osie has no sound; use modality 'v' on it"):
        check_videos(parts("osie", written[0])[1], audio=True)

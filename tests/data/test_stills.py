"""Sets of still images: SALICON and MIT1003 in the layouts of their authors, and the stand-in made of synth."""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from stills import SIZE, save_gaze, write_mit1003, write_salicon

from avsal_bench.cli import main
from avsal_bench.data.audit.audit import check_sets
from avsal_bench.data.clips.data_config import DataConfig
from avsal_bench.data.clips.datamodule import SaliencyDataModule
from avsal_bench.data.dataset import dataset
from avsal_bench.data.files.fixation_files import read_fixations
from avsal_bench.data.files.frames import frame_size, read_frames
from avsal_bench.data.files.images import read_density
from avsal_bench.data.files.presence import check_videos
from avsal_bench.data.statistics.stats import set_stats
from avsal_bench.spec import ClipSpec
from avsal_bench.workers import Workers

SPEC = ClipSpec(frames=1, size=(32, 48))
BOTH = ("salicon", "mit1003")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    root = tmp_path_factory.mktemp("stills")
    return root, {"salicon": write_salicon(root), "mit1003": write_mit1003(root)}


@pytest.fixture
def root(written, tmp_path):
    """A copy that a test may damage."""
    shutil.copytree(written[0], tmp_path / "data")
    return tmp_path / "data"


def both_parts(name, root):
    return [dataset(name).videos(root, part, 1) for part in ("train", "test")]


@pytest.mark.parametrize("name", BOTH)
def test_a_still_is_a_video_of_one_frame_without_sound(written, name):
    root, truth = written
    videos = [v for part in both_parts(name, root) for v in part]
    assert {v.name for v in videos} == set(truth[name])
    check_videos(videos, audio=False)
    for video in videos:
        assert (video.n_frames, video.seconds, video.still, video.audio) == (1, 0.0, True, None)
        fixated = read_fixations(video.fixations.path(1))
        assert fixated.shape == read_density(video.densities.path(1)).shape == frame_size(video)
        assert {(int(x), int(y)) for y, x in fixated.nonzero()} == set(truth[name][video.name])


def test_salicon_has_its_own_split(written):
    train, test = both_parts("salicon", written[0])
    assert [v.name for v in train] == [f"COCO_train2014_{n:012d}" for n in range(1, 5)]
    assert [v.name for v in test] == ["COCO_val2014_000000000001", "COCO_val2014_000000000002"]


def test_mit1003_is_split_by_a_rule_of_names_and_103_of_1003_are_tested(written, tmp_path):
    train, test = both_parts("mit1003", written[0])
    assert len(train) == 9
    assert [v.name for v in test] == ["i000000002"]  # the first by `printf mit1003/<name> | sha1sum`
    for folder in ("ALLSTIMULI", "ALLFIXATIONMAPS"):
        (tmp_path / "MIT1003" / folder).mkdir(parents=True)
    for n in range(1003):
        (tmp_path / f"MIT1003/ALLSTIMULI/i{n}.jpeg").touch()
    train, test = both_parts("mit1003", tmp_path)
    assert (len(train), len(test)) == (900, 103)
    assert not {v.name for v in train} & {v.name for v in test}


def test_the_stand_in_is_made_of_the_files_of_the_silent_part(synth_root):
    train, test = both_parts("synth_stills", synth_root)
    assert (len(train), len(test)) == (16, 8)
    assert train[0].name == "0001_0004"
    assert train[0].frames.path(1) == synth_root / "synth_silent/train/0001/images/0004.jpg"
    assert test[-1].densities.path(1) == synth_root / "synth_silent/val/0003/maps/0032.png"
    assert dataset("synth_silent").name == "synth_silent"
    check_videos([*train, *test], audio=False)


def test_stills_of_one_folder_are_not_mixed_up_in_the_cache(written):
    train, _ = both_parts("salicon", written[0])
    first, second = (read_frames(v, [1], SPEC.size) for v in train[:2])
    assert not torch.equal(first, second)
    assert torch.equal(first, read_frames(train[0], [1], SPEC.size))


@pytest.mark.parametrize("spec", [SPEC, ClipSpec(frames=4, size=(32, 48))])
def test_a_data_module_trains_on_them_like_on_videos(written, spec):
    root, _ = written
    data = SaliencyDataModule(DataConfig(dict.fromkeys(BOTH, root), batch_size=2, fixations=True), spec)
    assert (len(data.fit_videos()), len(data.val_videos()), len(data.test_videos())) == (11, 2, 3)
    batch = next(iter(data.train_dataloader()))
    assert batch["frames"].shape == (2, 3, spec.frames, 32, 48)
    assert (batch["frames"] == batch["frames"][:, :, :1]).all(), "a clip of a still repeats it"
    assert batch["density"].amax((1, 2)).min() > 0.5
    assert batch["fixated"].any((1, 2)).all()
    assert len(next(iter(data.val_dataloader()))["video"]) == 2
    assert [b["frame"] for b in data.predict_dataloader()] == [[1]] * 3


def test_points_outside_the_image_and_observers_without_any(tmp_path):
    save_gaze(tmp_path / "a.mat", [[(1, 1), (64, 48)], [], [(65, 1), (0, 5), (3, 49)]])
    found = read_fixations(tmp_path / "a.mat")
    assert found.shape == SIZE
    assert found.nonzero().tolist() == [[0, 0], [47, 63]]
    save_gaze(tmp_path / "b.mat", [[(640, 480)]], resolution=None)
    assert read_fixations(tmp_path / "b.mat").shape == (480, 640)


def test_a_file_of_gaze_that_is_none_is_an_error(tmp_path):
    from scipy.io import savemat

    savemat(tmp_path / "a.mat", {"gaze": np.ones(3)})
    with pytest.raises(ValueError, match=r"a.mat: variable 'gaze' holds no fixations of observers"):
        read_fixations(tmp_path / "a.mat")
    save_gaze(tmp_path / "b.mat", [[(1, 1)]], resolution=(0, 4))
    with pytest.raises(ValueError, match=r"b.mat: variable 'resolution' is no height and width"):
        read_fixations(tmp_path / "b.mat")


def test_the_grey_pattern_of_jpeg_is_no_fixation(tmp_path):
    rng = np.random.default_rng(0)
    points = np.zeros((96, 128), dtype=np.uint8)
    points[rng.integers(0, 96, 60), rng.integers(0, 128, 60)] = 255
    Image.fromarray(points).save(tmp_path / "pts.jpg", quality=75)
    assert (np.asarray(Image.open(tmp_path / "pts.jpg")) > 0).sum() > 4 * (points > 0).sum()
    assert torch.equal(read_fixations(tmp_path / "pts.jpg"), torch.from_numpy(points > 0))


def report(root, **options):
    with Workers(0) as workers:
        return check_sets(dict.fromkeys(BOTH, root), workers, **options)


@pytest.mark.parametrize("quick", [False, True])
def test_check_has_nothing_against_clean_trees(written, quick):
    found = report(written[0], quick=quick)
    assert found.findings == ()
    assert sum(c.videos for c in found.counts if c.part == "all") == 16


def test_check_names_what_is_missing_or_damaged(root):
    (root / "SALICON/maps/train/COCO_train2014_000000000002.png").unlink()
    (root / "SALICON/fixations/val/COCO_val2014_000000000001.mat").write_bytes(b"no matlab file")
    (root / "MIT1003/ALLFIXATIONMAPS/i000000001_fixPts.jpg").write_bytes(b"404")
    found = {(f.dataset, f.video, f.kind) for f in report(root).findings}
    assert found == {
        ("salicon", "COCO_train2014_000000000002", "maps missing"),
        ("salicon", "COCO_val2014_000000000001", "unreadable fixations"),
        ("mit1003", "i000000001", "unreadable fixations"),
    }
    with pytest.raises(FileNotFoundError, match=r"missing file .*maps/train/COCO_train2014_0+2.png; in all, 1"):
        check_videos(dataset("salicon").videos(root, "train", 1), audio=False)


@pytest.mark.parametrize(("name", "missing"), [("salicon", "SALICON/maps/train"), ("mit1003", "MIT1003/ALLSTIMULI")])
def test_a_tree_without_a_folder_or_images_says_so(root, name, missing):
    shutil.rmtree(root / missing)
    with pytest.raises(FileNotFoundError, match=rf"{name}: no folder .*{missing}; .*data/sets/{name}.py"):
        dataset(name).videos(root, "train", 1)
    images = {"salicon": root / "SALICON/images/train", "mit1003": root / "MIT1003/ALLSTIMULI"}[name]
    (root / missing).mkdir()
    shutil.rmtree(images, ignore_errors=True)
    images.mkdir()
    with pytest.raises(FileNotFoundError, match=rf"{name}: no .jpe?g images in .*"):
        dataset(name).videos(root, "train", 1)


def test_stats_count_images_and_no_hours(written):
    with Workers(0) as workers:
        found = set_stats("salicon", written[0], workers)
    assert (found.videos, found.frames, found.hours) == (6, 6, 0.0)
    assert found.gaze.mean == 2.0


def test_the_commands_of_a_user(written, tmp_path, monkeypatch, capsys):
    root = str(written[0])
    monkeypatch.chdir(tmp_path)
    assert main(["data", "check", "--root", root, "--report", "found.json", "--workers", "0"]) == 0
    assert json.loads((tmp_path / "found.json").read_text())["roots"].keys() == set(BOTH)
    stats = ["data", "stats", *BOTH, "--root", root, "--figure", "stats.png", "--json", "stats.json", "--workers", "0"]
    assert main(stats) == 0
    assert main(["data", "show", "mit1003", "i000000001", "--root", root]) == 0
    with Image.open(tmp_path / "i000000001.png") as sheet:
        assert sheet.width == 1600
        assert 1000 < sheet.height < 1400
    capsys.readouterr()
    assert main(["data", "show", "mit1003", "i000000001", "--root", root, "--out", "a.mp4"]) != 0
    assert "i000000001 is a still image, of which there is no mp4" in capsys.readouterr().err
    assert main(["data", "prepare", "salicon", "--root", root, "--workers", "0"]) != 0
    assert "is a still image, which has no prepared form; leave salicon out" in capsys.readouterr().err

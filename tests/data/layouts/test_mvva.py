"""MVVA: what its lists say, both families of them, both trees, and what is wrong in trees that are damaged."""

import re
import shutil
from collections import Counter

import mvva_trees as trees
import numpy as np
import pytest
from made_records import STORY, make

from avsal_bench.bench.plan import make_plan
from avsal_bench.bench.workspace import Workspace
from avsal_bench.data.audit.audit import check_sets
from avsal_bench.data.clips.data_config import DataConfig
from avsal_bench.data.dataset import common_folds, dataset, resolve_name
from avsal_bench.data.files.points.viewers import read_viewers
from avsal_bench.data.files.presence import check_video
from avsal_bench.data.files.truth_files import density_levels, fixations, points
from avsal_bench.data.labels import labels_of
from avsal_bench.data.layouts.listed import listed_frames
from avsal_bench.data.layouts.lists import PACKAGED_LISTS, read_fold_list, story_of_lists
from avsal_bench.data.layouts.mvva_tree import number_of
from avsal_bench.data.same_videos import seen_among
from avsal_bench.leaderboard.tables import folds_of, rows
from avsal_bench.workers import Workers

NAMES = ("82", "005", "103")
FAMILIES = ("mvva", "mvva_random", "mvva_shuffled")


@pytest.fixture(scope="module")
def authors_tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("mvva") / "authors"
    trees.write_authors(root, NAMES)
    trees.write_lists(root, NAMES)
    trees.write_lists(root, NAMES, "MVVA", ("1", "2", "3"))
    return root


@pytest.fixture
def authors(authors_tree, tmp_path):
    return shutil.copytree(authors_tree, tmp_path / "authors")


@pytest.fixture(scope="module")
def vinet(tmp_path_factory):
    root = tmp_path_factory.mktemp("mvva") / "vinet"
    trees.write_vinet(root, NAMES)
    trees.write_lists(root / "mvva_dataset", NAMES)
    return root


def listed(name, fold, part):
    return read_fold_list(PACKAGED_LISTS / dataset(name).lists[fold - 1].format(part=part))


def test_the_lists_name_299_videos_of_which_every_one_is_tested_once_in_five_runs():
    tests = [[v.name for v in listed("mvva", k, "test")] for k in dataset("mvva").fold_numbers]
    assert list(map(len, tests)) == [60, 60, 60, 60, 59]
    assert [(names[0], names[-1]) for names in tests] == [
        *(("001", "072"), ("073", "141"), ("142", "219")),
        *(("220", "280"), ("281", "342")),
    ]
    names = [name for one in tests for name in one]
    assert names == sorted(names)
    assert len(set(names)) == 299
    assert len(set(range(1, 343)) - set(map(int, names))) == 43
    assert "343" not in names
    for fold, tested in enumerate(tests, start=1):
        trained = listed("mvva", fold, "train")
        assert sorted([v.name for v in trained] + tested) == names
        frames = sum(v.n_frames for v in (*trained, *listed("mvva", fold, "test")))
        assert frames == 146177


@pytest.mark.parametrize(("name", "train"), [("mvva_random", (239, 179, 119)), ("mvva_shuffled", (239, 239, 239))])
def test_three_folds_test_180_videos_and_some_leave_videos_out(name, train):
    tested = [v.name for k in (1, 2, 3) for v in listed(name, k, "test")]
    assert len(tested) == len(set(tested)) == 180
    assert tuple(len(listed(name, k, "train")) for k in (1, 2, 3)) == train


def test_the_families_agree_on_frames_and_differ_in_rates():
    own, shuffled = (
        {number_of(v.name): v for part in ("train", "test") for v in listed(name, 1, part)} for name in FAMILIES[::2]
    )
    assert own.keys() == shuffled.keys()
    assert all(own[k].n_frames == shuffled[k].n_frames for k in own)
    assert sum(abs(own[k].fps - shuffled[k].fps) > 0.01 for k in own) == 106
    assert Counter(len(v.name) for v in own.values()) == {3: 299}
    assert all(v.name.startswith("video_") for v in shuffled.values())


def test_folds_beyond_three_are_of_this_set_alone():
    assert dataset("mvva").fold_numbers == (1, 2, 3, 4, 5)
    assert len(listed_frames("mvva", 5)) == 59
    assert "001" in listed_frames("mvva", 1)
    assert "video_013" in listed_frames("mvva_shuffled", 3)
    for name, fold in (("mvva", 6), ("avad", 4), ("mvva_random", 4)):
        with pytest.raises(ValueError, match=f"fold: expected .*, got {fold}; {name} has no other"):
            listed_frames(name, fold)
    assert common_folds(["mvva", "dhf1k"]) == (1, 2, 3, 4, 5)
    assert common_folds(["mvva", "avad"]) == common_folds(["diem"]) == (1, 2, 3)
    assert resolve_name("MVVA") == resolve_name("mvva_dataset") == "mvva"


def test_plans_run_the_folds_that_their_sets_have(authors, tmp_path):
    space = Workspace(tmp_path, authors, tmp_path / "synth", tmp_path / "runs", tmp_path / "board")
    jobs = make_plan(space, ["centre"], "paper", "stavis", overrides=('test=["mvva"]',))
    assert sorted({job.fold for job in jobs}) == [1, 2, 3, 4, 5]
    jobs = make_plan(space, ["centre"], "paper", "stavis", overrides=('test=["mvva", "avad"]',))
    assert sorted({job.fold for job in jobs}) == [1, 2, 3]
    with pytest.raises(ValueError, match="fold: expected 1, 2 or 3, got 4; avad has no other"):
        make_plan(space, ["centre"], "paper", "stavis", folds=(4,), overrides=('test=["mvva", "avad"]',))
    assert DataConfig({"mvva": authors}, fold=5).fold == 5
    with pytest.raises(ValueError, match="fold: expected 1, 2 or 3, got 5; mvva_random has no other"):
        DataConfig({"mvva": authors, "mvva_random": authors}, fold=5)


def test_a_row_is_complete_with_the_folds_that_its_set_has(authors):
    told = story_of_lists(authors, dataset("mvva"), 5)
    assert told["folds"] == [1, 2, 3, 4, 5]
    assert told["own_list"] == {"videos": 1, "usual": 59}
    story = STORY | {"folds": told["folds"]}
    five = [make([0.5], dataset="mvva", fold=k, provenance=story) for k in range(1, 6)]
    assert rows(five)[0].complete
    assert not rows(five[:3])[0].complete
    for lie in ([1], [1, 3], list(range(1, 99)), "5", [True]):
        assert folds_of(make([0.5], provenance=STORY | {"folds": lie})) == (1, 2, 3)


def frames_of(video):
    """What the truth of a video should be, frame by frame: rows and columns."""
    for n in range(1, trees.N + 1):
        x, y = trees.point(video.name[-3:], n)
        both = [[int(y / 20), int(x / 20)]] * 2
        yield [*both, [35, 63], *([[5, 45]] if n % 2 else [])]


@pytest.mark.parametrize("name", FAMILIES[::2])
def test_the_authors_tree_is_read_frame_by_frame(authors, name):
    videos = dataset(name).videos(authors, "train", 1) + dataset(name).videos(authors, "test", 1)
    assert sorted(number_of(video.name) for video in videos) == ["005", "082", "103"]
    for video in videos:
        check_video(video, audio=True)
        film = str(int(number_of(video.name)))
        rate = next(fps for file, fps in trees.FILES.items() if int(file) == int(film))
        assert video.fps == pytest.approx(rate)
        assert video.audio.suffix == ".wav"
        assert video.name.startswith("video_") == (name == "mvva_shuffled")
        for n, expected in enumerate(frames_of(video), start=1):
            assert points(video, n).tolist() == expected
            assert int(fixations(video, n).sum()) == len({tuple(p) for p in expected})
            drawn = trees.saliency(number_of(video.name), n)
            assert abs(density_levels(video, n).numpy().astype(int) - drawn).max() < 12
        assert labels_of(video) == (True, False) * (trees.N // 2)


def test_videos_of_both_families_are_the_same_videos(authors):
    one, other = (dataset(name).videos(authors, "train", 1) for name in FAMILIES[::2])
    assert seen_among(other, one) == {video.key for video in other}


def test_vinets_tree_is_read_at_the_measured_rates(vinet):
    videos = dataset("mvva").videos(vinet, "train", 1) + dataset("mvva").videos(vinet, "test", 1)
    for video in videos:
        check_video(video, audio=True)
        assert video.fps == 25.0
        assert [points(video, n).tolist() for n in range(1, trees.N + 1)] == list(frames_of(video))
    assert not any(video.faces for video in videos)


def test_lists_without_films_take_the_measured_rate(tmp_path):
    trees.write_vinet(tmp_path, ("212",), "MVVA")
    (video,) = (v for v in dataset("mvva_shuffled").videos(tmp_path, "train", 1) if v.name == "video_212")
    assert video.fps == pytest.approx(26.984364941489783)


def test_sound_is_the_track_of_the_film_where_there_is_no_wav(authors):
    shutil.rmtree(authors / "MVVA" / "sound")
    video = dataset("mvva").videos(authors, "test", 1)[0]
    assert video.audio == video.frames.path
    check_video(video, audio=True)


def test_folders_may_have_other_names(authors):
    base = authors / "MVVA"
    faces = base / "mvva_database_part2-face_annotation"
    faces.mkdir()
    for old, new in {
        "maps": base / "saliency",
        "sound": base / "audio_files",
        "face_tracking": faces / "tracking",
        "face_talking": faces / "talking_label",
    }.items():
        (base / old).rename(new)
    (authors / "fixation_data_mvva").rename(base / "gaze_points")
    video = dataset("mvva").videos(authors, "test", 1)[0]
    check_video(video, audio=True)
    assert labels_of(video)[0]
    (base / "salmaps").mkdir()
    with pytest.raises(ValueError, match=r"saliency and .*salmaps may both be the maps of MVVA; call it maps"):
        dataset("mvva").videos(authors, "test", 1)


def test_what_is_missing_is_named(authors, tmp_path):
    (tmp_path / "none").mkdir()
    with pytest.raises(FileNotFoundError, match=r"mvva: no folder .*mvva_video or .*mvva_dataset; the layout"):
        dataset("mvva").videos(tmp_path / "none", "test", 1)
    (authors / "MVVA" / "mvva_video" / "82.mp4").unlink()
    with pytest.raises(FileNotFoundError, match=r"missing video .*mvva_video/082\.mp4"):
        check_video(dataset("mvva").videos(authors, "test", 1)[0], audio=False)
    (authors / "MVVA" / "mvva_video" / "5.mp4").write_bytes(b"")
    with pytest.raises(ValueError, match=r"005\.mp4 and .*/5\.mp4 are both files of one video; keep one"):
        dataset("mvva").videos(authors, "train", 1)


def test_a_list_of_the_other_family_is_refused(authors):
    (authors / "fold_lists" / "mvva_list_test_1_fps.txt").write_text("video_082 8 25.0")
    with pytest.raises(
        ValueError, match="'video_082', and those of this set are named such as '001'; it is of the set mvva_s"
    ):
        dataset("mvva").videos(authors, "test", 1)
    (authors / "fold_lists" / "mvva_list_test_1_fps.txt").write_text("82 8 25.0\n082 8 25.0")
    with pytest.raises(ValueError, match="lines 1 and 2 both name '082'"):
        dataset("mvva").videos(authors, "test", 1)


HOSTILE = {
    "another length": (lambda p: p[:7], "points of 7 frames, and the list asks for 8"),
    "viewers before axes": (lambda p: p.transpose(0, 2, 1), r"shape \(8, 5, 2\), expected frames x 2"),
    "axes first": (lambda p: p.transpose(1, 0, 2), r"shape \(2, 8, 5\), expected frames x 2"),
    "no axis of viewers": (lambda p: p[:, :, 0], r"shape \(8, 2\), expected 3 axes"),
    "rows and columns": (lambda p: np.full((8, 2, 3), [[200.0], [900.0]]), "are x and y swapped"),
    "rows and columns, most inside": (lambda p: p[:, ::-1], "13 of 30 points lie outside .* are x and y swapped"),
    "shares": (lambda p: np.nan_to_num(p) / 4000, "all points lie between 0 and 1"),
    "infinite": (lambda p: np.where(p > 1279, np.inf, p), "frame 1 has an infinite number"),
    "objects": (lambda p: np.array([[None, 1]] * 8, dtype=object), "pickled array of Python objects.*np.save"),
    "texts": (lambda p: p.astype(str), "expected numbers"),
    "complex numbers": (lambda p: p.astype(complex), "expected numbers"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_points_that_cannot_be_right_are_refused(authors_tree, tmp_path, kind):
    array, message = HOSTILE[kind]
    path = tmp_path / "82.npy"
    np.save(path, array(trees.gaze("82")), allow_pickle=True)
    video = dataset("mvva").videos(authors_tree, "test", 1)[0]
    with pytest.raises(ValueError, match=f"^{re.escape(str(path))}.*{message}"):
        read_viewers(path, video)


def test_a_file_of_points_that_is_cut_off_is_refused(authors_tree, tmp_path):
    path = tmp_path / "82.npy"
    video = dataset("mvva").videos(authors_tree, "test", 1)[0]
    np.save(path, trees.gaze("82"))
    whole = path.read_bytes()
    for content, message in (
        (whole[:-8], "has 640 bytes, and 632 are there"),
        (whole[:20], "no array of NumPy"),
        (b"", "no array of NumPy"),
        (whole.replace(b"(8, 2, 5)", b"(9**9,2,5)"[:9]), "no array of NumPy"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            read_viewers(path, video)


def test_whole_numbers_and_columns_first_are_read_too(authors_tree, tmp_path):
    video = dataset("mvva").videos(authors_tree, "test", 1)[0]
    whole = np.floor(np.nan_to_num(trees.gaze("82"), nan=-1)).astype(np.int16)
    expected = list(frames_of(video))
    for values in (whole, np.asfortranarray(whole), whole.astype(">f4")):
        np.save(tmp_path / "82.npy", values)
        found = read_viewers(tmp_path / "82.npy", video)
        assert [one.tolist() for one in found] == expected


def test_the_check_of_data_is_clean_and_finds_damage(authors):
    with Workers(0) as pool:
        clean = check_sets({"mvva": authors}, pool)
        kinds = Counter(finding.kind for finding in clean.findings)
        assert kinds == {"list differs": 10, "frame and map": 3}
        np.save(authors / "MVVA/face_talking/82.npy", trees.talking().T)
        np.save(authors / "MVVA/face_tracking/103.npy", np.full((8, 1, 4), [50, 8, 20, 40]))
        np.save(authors / "fixation_data_mvva/005.npy", trees.gaze("005")[:5])
        (authors / "MVVA/maps/video_103/004.jpg").unlink()
        far = 1279 - np.nan_to_num(trees.gaze("82"))[..., [0, 0]] - [0, 25]
        np.save(authors / "fixation_data_mvva/82.npy", np.stack([far[:, 0], far[:, 0] % 700], axis=1))
        found = check_sets({"mvva": authors}, pool)
    told = {(f.kind, f.video): f.text for f in found.findings if f.kind not in kinds}
    assert told.keys() == {
        *(("bad labels", "082"), ("bad faces", "082"), ("bad faces", "103")),
        *(("unreadable fixations", "005"), ("maps missing", "103"), ("misplaced points", "082")),
    }
    assert "in 5 frames looked at, maps are no brighter where people look" in told["misplaced points", "082"]
    assert "frames x faces, 8 x 2, expected faces x frames; save its transpose" in told["bad labels", "082"]
    assert "frame 1, face 1: from (50, 8) to (20, 40)" in told["bad faces", "103"]


def test_the_sheet_says_what_the_files_are():
    for name in FAMILIES:
        one = dataset(name)
        assert one.facts.heard is True
        assert one.facts.device == "eye"
        assert one.online.steps
        assert any("343" in fault for fault in one.facts.faults)
    assert dataset("mvva").over == ()
    assert dataset("mvva_random").over == dataset("mvva_shuffled").over == ("mvva",)

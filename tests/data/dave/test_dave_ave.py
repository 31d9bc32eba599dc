"""DAVE's own set over the files of DIEM and both sets of Coutrot: lists, names, categories, and what is lacking."""

import json
import shutil
from collections import Counter

import pytest
from conftest import write_list
from dave_trees import LISTS, VIDEOS, N, write_dave_ave

from avsal_bench.cli import main
from avsal_bench.data.dataset import dataset
from avsal_bench.data.layouts.listed import listed_frames
from avsal_bench.data.layouts.lists import PACKAGED_LISTS, read_fold_list, story_of_lists
from avsal_bench.data.online import _lacking
from avsal_bench.data.same_videos import related, seen_among
from avsal_bench.data.sets.dave_ave import source_of

AVE = dataset("dave_ave")
#: Of Table 1 of the paper, with the training column of nature and social videos the right way round, and 8 for 7.
COUNTS = {
    "train": {"Nature": 18, "Social": 37, "Miscellaneous": 37},
    "val": {"Nature": 6, "Social": 16, "Miscellaneous": 7},
    "test": {"Nature": 10, "Social": 11, "Miscellaneous": 8},
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Folders of the three sets, and no list: those of the package count."""
    root = tmp_path_factory.mktemp("whole")
    for folder in LISTS:
        for kind in ("video_frames", "annotations"):
            (root / kind / folder).mkdir(parents=True)
    return root


@pytest.fixture(scope="module")
def _made(tmp_path_factory):
    return write_dave_ave(tmp_path_factory.mktemp("ave"))


@pytest.fixture
def root(_made, tmp_path):
    return shutil.copytree(_made, tmp_path / "ave")


def test_the_split_and_the_categories_are_those_of_the_paper(whole):
    parts = {part: AVE.videos(whole, part, 1) for part in ("train", "val", "test")}
    assert {part: len(videos) for part, videos in parts.items()} == {"train": 92, "val": 29, "test": 29}
    assert {part: Counter(v.category for v in videos) for part, videos in parts.items()} == COUNTS
    names = [v.name for videos in parts.values() for v in videos]
    assert len(set(names)) == 150
    assert "clip_42" not in names  # in the authors' list, and in no category and no table of theirs
    assert AVE.parts == ("train", "val", "test")
    assert [v.name for v in AVE.videos(whole, "test", 3)] == [v.name for v in parts["test"]]


def test_frames_and_rates_are_those_of_the_three_sets(whole):
    places = [(name, part, fold) for name in AVE.over for part in ("train", "test") for fold in (1, 2, 3)]
    of = {(name, v.name): v for name, part, fold in places for v in dataset(name).videos(whole, part, fold)}
    for part in AVE.parts:
        listed = read_fold_list(PACKAGED_LISTS / f"dave_ave_list_{part}_fps.txt")
        for video, line in zip(AVE.videos(whole, part, 1), listed, strict=True):
            own = of[source_of(video.name)]
            assert (video.n_frames, video.fps) == (own.n_frames, own.fps) == (line.n_frames, line.fps)
            assert (video.frames, video.prepared, video.labels) == (own.frames, own.prepared, own.labels)
            assert (video.key, video.called) == (f"dave_ave/{video.name}", own.name)
    assert sum(listed_frames("dave_ave", 1).values()) == 61108


def test_lists_of_the_root_s_sets_count(root):
    for part in AVE.parts:
        (root / f"fold_lists/dave_ave_list_{part}_fps.txt").unlink()
    with pytest.raises(
        ValueError, match=r"dave_ave/advert_bbc4_library_1024x576 is diem/.*no list of diem in .* names"
    ):
        AVE.videos(root, "test", 1)
    write_list(root, "dave_ave", "test", "", "clip_e_2 7 25\n")  # numbers of a list of its own hold
    (video,) = AVE.videos(root, "test", 1)
    assert (video.n_frames, video.frames.folder.name, video.frames.folder.parent.name) == (7, "clip2", "Coutrot_db2")


def test_a_set_that_is_described_in_its_place_is_read_as_it_is_described(root):
    shutil.move(root / "video_frames/DIEM", root / "films")
    shutil.move(root / "annotations/DIEM", root / "truth")
    (root / "dataset.yaml").write_text(
        "name: diem\nreplaces: true\nlayout: stavis\nfps: 25\nsound: false\nsplit: {fraction: 0.5}\nfiles:\n"
        "  frames: films/{name}/img_{frame:05}.jpg\n  maps: truth/{name}/maps/eyeMap_{frame:05}.jpg\n"
        "  fixations: truth/{name}/fixMap_{frame:05}.mat\n",
        encoding="utf-8",
    )
    assert AVE.videos(root, "test", 1)[0].frames.folder == root / "films/arctic_bears_1066x710"


def test_what_lacks_is_named_by_its_set(root, whole):
    with pytest.raises(FileNotFoundError, match="no data root"):
        AVE.videos(root / "nowhere", "test", 1)
    shutil.rmtree(root / "annotations/Coutrot_db2")
    with pytest.raises(
        FileNotFoundError, match=r"dave_ave has the files of diem, coutrot1, coutrot2: coutrot2: no folder"
    ):
        AVE.videos(root, "test", 1)
    write_list(root, "dave_ave", "test", "", "clip_99 7 25\n")
    with pytest.raises(ValueError, match=r"dave_ave/clip_99 is coutrot1/clip99, and no list of coutrot1 in"):
        AVE.videos(root, "test", 1)


def test_the_parts_share_no_video(root):
    write_list(root, "dave_ave", "val", "", f"clip_18 {N} 25\nclip_12 {N} 25\n")
    with pytest.raises(
        ValueError, match=r"val_fps.txt:2 and .*test_fps.txt:2 both name 'clip_12': what is tested would"
    ):
        AVE.videos(root, "val", 1)
    assert len(AVE.videos(root, "test", 1)) == 3  # who tests does not ask what chose the checkpoint
    write_list(root, "dave_ave", "val", "", f"clip_1 {N} 25\n")
    with pytest.raises(
        ValueError, match=r"train_fps.txt:2 and .*val_fps.txt:1 both name 'clip_1': the checkpoint would"
    ):
        AVE.videos(root, "train", 1)


def test_own_categories_take_the_place_of_those_of_the_package(root):
    assert [v.category for v in AVE.videos(root, "test", 1)] == [kind for *_, kind in VIDEOS["test"]]
    (root / "annotations/dave_ave").mkdir()
    (root / "annotations/dave_ave/categories.csv").write_text("video,category\nclip_12,Water\n")
    assert [v.category for v in AVE.videos(root, "test", 1)] == ["", "Water", ""]


def test_records_tell_of_lists_that_are_not_the_usual_ones(root, whole):
    assert story_of_lists(whole, AVE, 1) == {"folds": [1]}
    assert story_of_lists(root, AVE, 1) == {"folds": [1], "own_list": {"videos": 3, "usual": 29}}


def test_who_trained_on_a_set_has_seen_it_here(root):
    assert related("dave_ave", "coutrot2")
    assert not related("dave_ave", "avad")
    learnt = dataset("coutrot1").videos(root, "test", 1)
    assert seen_among(AVE.videos(root, "test", 1), learnt) == {"dave_ave/clip_12"}


def test_check_and_stats_work_on_it(root, tmp_path, capsys):
    words = ["dave_ave", "--root", str(root), "--workers", "0"]
    assert main(["data", "check", *words]) == 0
    told = capsys.readouterr().out
    assert "0 errors" in told
    assert "val 1" in told
    assert main(["data", "stats", *words, "--json", str(tmp_path / "stats.json")]) == 0
    assert "validation: videos" in capsys.readouterr().out
    (stats,) = json.loads((tmp_path / "stats.json").read_text())
    assert [stats["folds"][0][part]["videos"] for part in ("train", "val", "test")] == [3, 2, 3]
    shutil.rmtree(root / "video_frames/Coutrot_db2/clip2")
    (root / "annotations/Coutrot_db1/clip12/observers.csv").write_text("video,observer,frame,x,y\nclip_12,a,1,2,2\n")
    assert main(["data", "check", *words]) == 1
    told = capsys.readouterr().out
    assert "clip_e_2" in told
    assert "video_frames/Coutrot_db2/clip2" in told
    assert "this file is of 'clip12'" in told


@pytest.mark.slow
@pytest.mark.parametrize("name", ["clip_e_2", "clip_18"])
def test_a_video_is_drawn_with_the_gaze_of_its_own_set(root, tmp_path, name):
    assert main(["data", "show", "dave_ave", name, "--root", str(root), "--out", str(tmp_path / "show.png")]) == 0
    assert (tmp_path / "show.png").is_file()


def test_its_pieces_are_those_of_the_three_sets(root, whole):
    lacking = {piece.into for piece in _lacking(AVE, whole, ())}
    assert lacking == {
        f"{kind}/{folder}" for kind in ("video_frames", "video_audio", "annotations") for folder in LISTS
    }
    assert set(_lacking(AVE, whole, ())) == {piece for name in AVE.over for piece in _lacking(dataset(name), whole, ())}
    assert _lacking(AVE, root, ()) == []  # all that the lists of the root name are there

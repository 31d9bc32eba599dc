"""What a training saw: told in records, of published weights and of somebody's maps, and asked of a plan."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from avsal_bench.bench.plan import notes_of, plan_one
from avsal_bench.bench.seen.saying import OUTSIDE, UNKNOWN, asked_words, said_sets
from avsal_bench.bench.seen.trained_on import learnt_by, of_checkpoint, published, said, trained_on
from avsal_bench.bench.workspace import Workspace, workspace
from avsal_bench.data.dataset import Video, dataset, list_datasets
from avsal_bench.data.places import NamedFiles, NumberedFiles, OneFile, VideoFile
from avsal_bench.data.same_videos import related, seen_among
from avsal_bench.models.weights.offered import list_weights
from avsal_bench.record_story import seen_of


@pytest.fixture
def lists(tmp_path: Path) -> Workspace:
    """A data root of the six sets in which nothing lies but folders: lists come with the package."""
    for name in ("AVAD", "Coutrot_db1", "Coutrot_db2", "DIEM", "ETMD_av", "SumMe"):
        for kind in ("video_frames", "annotations"):
            (tmp_path / "data" / kind / name).mkdir(parents=True)
    folders = {name: str(tmp_path / name) for name in ("synth_root", "runs", "leaderboard")}
    return workspace(str(tmp_path / "data"), **folders)


def word(told: dict[str, object], name: str) -> str:
    return seen_of({"trained_on": told}, name).value


# when two videos are one


def video(name: str, frames: NumberedFiles | OneFile | VideoFile, of: str = "one") -> Video:
    return Video(of, name, 1 if isinstance(frames, OneFile) else 9, 25.0, frames, None, None)


def numbered(folder: Path, prefix: str = "img_") -> NumberedFiles:
    return NumberedFiles(folder, prefix, 4, ".jpg")


def test_videos_are_one_by_their_files_whatever_their_sets_call_them(tmp_path: Path) -> None:
    own = video("a", numbered(tmp_path / "a"))
    assert seen_among([own], [video("other", numbered(tmp_path / "a"), "two")]) == {"one/a"}
    assert seen_among([own], [video("a", numbered(tmp_path / "b"))]) == {"one/a"}  # another copy of the set
    # One name in two sets says nothing, and neither does a folder that holds several videos.
    assert seen_among([own], [video("a", numbered(tmp_path / "b"), "two")]) == set()
    assert seen_among([own], [video("b", numbered(tmp_path / "a", "b_"), "two")]) == set()
    film = video("a", VideoFile(tmp_path / "films" / "a.mp4"))
    assert seen_among([film], [video("x", VideoFile(tmp_path / "films" / "a.mp4"), "two")]) == {"one/a"}
    assert seen_among([film], [video("x", VideoFile(tmp_path / "films" / "b.mp4"), "two")]) == set()


def test_links_are_followed_and_accents_spelled_in_one_way(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert seen_among([video("a", numbered(tmp_path / "real"))], [video("b", numbered(tmp_path / "link"), "two")])
    assert seen_among([video("\u00e9", numbered(tmp_path / "a"))], [video("e\u0301", numbered(tmp_path / "b"))])


def test_stills_made_of_a_video_are_that_video(tmp_path: Path) -> None:
    own, frame = video("a", numbered(tmp_path / "a")), video("a_4", OneFile(tmp_path / "a" / "img_0004.jpg"), "stills")
    assert seen_among([own], [frame]) == {"one/a"}
    assert seen_among([frame], [own]) == {"stills/a_4"}
    assert seen_among([own], [video("b", OneFile(tmp_path / "a" / "cover.jpg"), "stills")]) == set()
    # Two stills of one folder are two.
    assert seen_among([frame], [video("b", OneFile(tmp_path / "a" / "img_0008.jpg"), "two")]) == set()


def test_a_film_joined_of_shots_is_each_of_them(tmp_path: Path) -> None:
    names = tuple(f"{shot}/images/00{n}.png" for shot in ("f_1", "f_2") for n in (1, 2))
    film = video("f", NamedFiles(tmp_path, "", 3, ".png", names=names), "films")
    shot = video("f_2", NamedFiles(tmp_path / "f_2" / "images", "", 3, ".png", names=("001.png",)), "shots")
    other = video("g_1", numbered(tmp_path / "g_1" / "images", ""), "shots")
    assert seen_among([shot, other], [film]) == {"shots/f_2"}
    assert seen_among([film], [shot]) == {"films/f"}


def test_sets_say_whose_files_they_read() -> None:
    assert related("dave_ave", "coutrot1")
    assert related("synth_silent", "synth_stills")
    assert not related("dave_ave", "avad")
    assert all(set(dataset(name).over) <= set(list_datasets()) for name in list_datasets())


# words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("AVAD", ("avad/train/2",)),
        ("ETMD_av/train/3,kinetics400", ("etmd/train/3", "kinetics400")),
        ("six", ("six/train/2",)),
        ("dhf1k/val", ("dhf1k/val/2",)),
        ("nothing", ()),
        ("unknown", ("unknown",)),
        ("other:my_videos", ("other:my_videos",)),
    ],
)
def test_words_of_what_maps_were_trained_on(text: str, words: tuple[str, ...]) -> None:
    assert asked_words(text, 2) == words


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "--trained-on is empty"),
        (",", "--trained-on is empty"),
        ("daim", r"daim: no data set here.*did you mean 'diem'.*other:daim"),
        ("my_videos", r"my_videos: no data set here; of a set that is none, say other:my_videos"),
        ("nothing,avad", "nothing, and something else"),
        ("avad/all", r"expected <set>, <set>/train or <set>/train/<fold>"),
        ("avad/train/0", r"with a fold from 1"),
        ("avad/train/1/2", r"expected <set>"),
        ("kinetics400/train", r"kinetics400: no data set here"),
        ("other:a b", "other:"),
        ("other:", "other:"),
    ],
)
def test_words_that_say_nothing_are_errors(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        asked_words(text, 1)


def test_published_weights_say_what_they_were_trained_on() -> None:
    """In words that are understood: sets of this package, or collections that hold no maps."""
    known = {*list_datasets(), "six"}
    for name, entry in list_weights().items():
        assert entry.trained_on, name
        for word in entry.trained_on:
            assert word in (*OUTSIDE, UNKNOWN) or (word.split("/")[0] in known and said_sets([word])), (name, word)


# what records tell


@pytest.mark.parametrize(
    ("weights", "name", "fold", "seen", "count"),
    [
        ("vinet_dhf1k", "avad", 1, "zero-shot", 0),
        ("stavis_av_fold1", "avad", 1, "trained on the training part", 0),
        ("stavis_av_fold1", "avad", 2, "saw test videos", 13),
        ("diffsal_s2", "avad", 2, "saw test videos", 13),  # its authors went on from split 1
        ("avinet_dave", "dave_ave", 1, "trained on the training part", 0),
        ("avinet_dave", "diem", 1, "saw test videos", 8),  # under names of another set
        ("avinet_dave", "avad", 1, "zero-shot", 0),
        ("vinet_s_etmd", "etmd", 1, "unknown", 0),  # of which split nobody says
        ("vinet_s_etmd", "diem", 1, "zero-shot", 0),
        ("dave", "diem", 1, "saw test videos", 8),
        ("dave", "dave_ave", 1, "unknown", 0),  # the image sets beside are not named
        ("dave", "avad", 1, "unknown", 0),
    ],
)
def test_what_published_weights_saw(
    lists: Workspace, weights: str, name: str, fold: int, seen: str, count: int
) -> None:
    told = published(weights, name, fold, lists)
    assert (word(told, name), told["tested_videos_seen"]) == (seen, count)
    assert told["weights"] == [{"name": weights, "trained_on": list(list_weights()[weights].trained_on)}]


@pytest.mark.parametrize(
    ("words", "seen"),
    [
        (None, "unknown"),
        ((), "zero-shot"),
        (("other:mine", "kinetics400"), "zero-shot"),
        (("six/train/1",), "trained on the training part"),
        (("avad/test/1",), "saw test videos"),
        (("avad/train/2",), "saw test videos"),
        (("diem/train/1", "unknown"), "unknown"),
    ],
)
def test_what_is_said_of_maps(lists: Workspace, words: tuple[str, ...] | None, seen: str) -> None:
    assert word(said(words, "avad", 1, lists), "avad") == seen


def test_a_plan_warns_where_a_test_is_among_what_is_trained_on(lists: Workspace) -> None:
    own = ("--train", "dave_ave", "--test", "diem,dave_ave,avad")
    job = plan_one(lists, "aclnet", "smoke", "stavis", own=own)
    [note] = notes_of([job, replace(job, seed=1)], lists, "smoke")
    assert note.startswith(
        "warning: aclnet_v-fold1-seed0 trains on dave_ave, which holds 14 of the 17 test videos of diem:"
    )
    recipe = job.recipe(lists)
    told = {name: trained_on(job, recipe, lists, name) for name in ("diem", "dave_ave", "avad")}
    assert {name: word(one, name) for name, one in told.items()} == {
        "diem": "saw test videos",
        "dave_ave": "trained on the training part",
        "avad": "zero-shot",
    }
    # Its validation list chose the checkpoint.
    assert [(one["set"], one["part"], one["use"], one["videos"]) for one in told["avad"]["sets"]] == [
        ("dave_ave", "train", "fit", 92),
        ("dave_ave", "val", "validation", 29),
    ]


def test_training_videos_that_are_set_aside_count_as_trained_on(lists: Workspace) -> None:
    job = plan_one(lists, "aclnet", "smoke", "stavis", fold=2, own=("--train", "avad,diem"))
    told = trained_on(job, job.recipe(lists), lists, "avad")
    assert word(told, "avad") == "trained on the training part"
    avad = [(one["use"], one["fold"]) for one in told["sets"] if one["set"] == "avad"]
    assert avad == [("fit", 2), ("validation", 2)]
    assert [one["fold"] for one in told["sets"] if one["set"] == "diem"] == [None, None]
    assert sum(one["videos"] for one in told["sets"] if one["set"] == "avad") == 30
    assert all(len(one["names"]) == 64 for one in told["sets"])


def test_a_baseline_that_looks_at_training_maps_is_not_zero_shot(lists: Workspace) -> None:
    jobs = [plan_one(lists, model, "paper", "stavis") for model in ("mep", "centre")]
    mep, centre = (trained_on(job, job.recipe(lists), lists, "avad") for job in jobs)
    assert (word(mep, "avad"), word(centre, "avad")) == ("trained on the training part", "zero-shot")
    assert mep["sets"][0]["use"] == "observed"
    assert not notes_of(jobs, lists, "paper")


def test_a_stage_that_another_starts_from_is_told(lists: Workspace) -> None:
    """Its sets, and the published weights that both began with, by their names and what these were trained on."""
    for name in ("SALICON/images/train", "MIT1003/ALLSTIMULI"):
        (lists.data_root / name).mkdir(parents=True)  # type: ignore[operator]
    job = plan_one(lists, "stavis", "paper", "stavis", own=("--train", "avad"))
    learnt = learnt_by(job, job.recipe(lists), lists, "avad").plain()
    assert {one["stage"] for one in learnt["sets"]} == {stage.name for stage in job.recipe(lists).stages}
    assert {one["name"] for one in learnt["weights"]} >= {"resnet50_kinetics"}
    assert all(one["trained_on"] for one in learnt["weights"])


def test_a_checkpoint_is_known_by_what_lies_beside_it(lists: Workspace, tmp_path: Path) -> None:
    job = plan_one(lists, "aclnet", "smoke", "stavis", own=("--train", "dave_ave"))
    kept = learnt_by(job, job.recipe(lists), lists, "diem").plain()
    path = tmp_path / "best.ckpt"
    assert word(of_checkpoint(path, "diem", 1, lists), "diem") == "unknown"
    beside = path.with_name("done.json")
    for text in ("{", "[]", "{}", '{"trained_on": 1}', '{"trained_on": {"known": true, "sets": [{}], "weights": []}}'):
        beside.write_text(text)
        assert word(of_checkpoint(path, "diem", 1, lists), "diem") == "unknown", text
    beside.write_text(json.dumps({"trained_on": kept}))
    assert word(of_checkpoint(path, "diem", 1, lists), "diem") == "saw test videos"
    assert word(of_checkpoint(path, "dave_ave", 1, lists), "dave_ave") == "trained on the training part"
    assert word(of_checkpoint(path, "avad", 1, lists), "avad") == "zero-shot"

"""A set of one's own in the commands: check, evaluate, bench, list, submit, prepare; and what a changed split does."""

import json
import shutil
from dataclasses import replace

import pytest
from own_trees import TEXT, describe, write_lab

from avsal_bench.bench import plan
from avsal_bench.bench.job import Job
from avsal_bench.bench.sets import asked_sets, present_sets
from avsal_bench.bench.workspace import Workspace
from avsal_bench.catalogue.listing import listing
from avsal_bench.cli.app import main
from avsal_bench.data.audit import check_sets
from avsal_bench.data.audit.notes import KINDS
from avsal_bench.data.dataset import dataset, use_root
from avsal_bench.data.files.presence import check_videos
from avsal_bench.leaderboard.submissions.submit import check_submission
from avsal_bench.leaderboard.tables import rows
from avsal_bench.records import read_record, write_record
from avsal_bench.training.recipe import Recipe
from avsal_bench.workers import Workers


@pytest.fixture(autouse=True)
def _no_root(monkeypatch):
    monkeypatch.delenv("AVSAL_DATA", raising=False)
    yield
    use_root(None)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return write_lab(tmp_path_factory.mktemp("lab"))


@pytest.fixture
def lab(kept, tmp_path):
    return shutil.copytree(kept, tmp_path / "lab")


@pytest.fixture
def own(lab, tmp_path):
    return Workspace(tmp_path, lab, tmp_path / "synth", tmp_path / "runs", tmp_path / "board")


def found(root, **options):
    use_root(root)
    with Workers(0) as pool:
        return check_sets({"lab": root}, pool, **options).findings


def test_a_whole_set_has_nothing_against_it(lab):
    assert found(lab) == ()


def test_check_notes_what_the_description_does_not_say(lab):
    describe(lab, TEXT.replace("licence: CC BY 4.0\n", "").replace("viewers: 12\n", ""))
    (one,) = found(lab, quick=True)
    assert (one.severity, one.kind, one.where) == ("note", "not said", "dataset.yaml")
    assert one.text == "the description does not say: viewers, licence"
    assert "not said" in KINDS


def test_check_notes_gaze_that_is_nowhere(lab):
    describe(lab, TEXT.replace("files:\n", "files:\n  gaze: gaze/{name}.csv\n"))
    (one,) = found(lab, quick=True)
    assert (one.severity, one.kind, one.where) == ("note", "no gaze", "dataset.yaml")
    assert one.text == "no video has the file of files.gaze, gaze/{name}.csv"


def test_check_says_which_pattern_matches_nothing(lab):
    describe(lab, TEXT.replace("points/{name}", "dots/{name}"))
    (one,) = found(lab, quick=True)
    assert (one.severity, one.kind) == ("error", "fixations missing")
    assert "0 of 6 videos have fixations" in one.text
    assert f"{lab}/dataset.yaml:7: files.fixations is dots/{{name}}/{{frame:03}}.png" in one.text


def test_check_finds_missing_frames_and_frames_behind_the_maps(lab):
    (lab / "pictures/d/f001.png").unlink()
    shutil.copy(lab / "pictures/a/f000.png", lab / "pictures/a/f004.png")
    (lab / "pictures/e/f000.png").rename(lab / "pictures/e/f006.png")
    said = {(one.video, one.kind): one for one in found(lab, quick=True)}
    assert said["d", "frames missing"].where == "frame 2"
    assert said["a", "extra files"].text == "1 more than the list's 4 frames: f004.png"
    assert said["e", "frames missing"].where == "frame 1"


def test_check_says_where_a_split_is_wrong(lab):
    describe(lab, TEXT.replace("fraction: 0.34\n  seed: 1", "test: [nobody]"))
    (one,) = found(lab)
    assert (one.kind, one.where) == ("list", "train 1, test 1")
    assert "dataset.yaml:11: unknown video 'nobody'" in one.text


def test_check_is_told_of_a_broken_description(lab, capsys):
    describe(lab, TEXT.replace("fps: 25", "fps: -25"))
    assert main(["data", "check", "--root", str(lab), "--workers", "0"]) == 2
    assert f"{lab}/dataset.yaml:9: fps should be greater than 0; got -25" in capsys.readouterr().err


def test_the_sets_of_a_root_are_those_that_it_describes_too(own):
    assert present_sets(own.data_root) == ["lab"]
    assert asked_sets(["LAB"], own) == {"lab": own.data_root}
    line = next(line for line in listing().splitlines() if line.startswith("lab "))
    assert f" no     {own.data_root}/dataset.yaml " in line


def recipe(**changes) -> Recipe:
    return Recipe.from_plain(
        {"model": "centre", "preset": "paper", "network": {}, "stages": (), "test": ("six",)} | changes
    )


def test_any_network_is_tested_on_a_set_of_ones_own(own):
    assert plan.tested_sets(recipe(), ["lab", "diem"]) == ("lab", "diem")
    with pytest.raises(ValueError, match="is not tested on salicon; it is on: diem"):
        plan.tested_sets(recipe(), ["salicon"])
    job = Job("centre", "", 1, 0, "paper", "stavis", datasets=("lab", "diem"))
    assert [name for name, _, _ in plan.records_of(job, recipe(), own)] == ["diem", "lab"]
    assert len(list(plan.records_of(replace(job, datasets=()), recipe(), own))) == 6
    assert recipe(test=("lab",)).test == ("lab",), "a recipe may name it"


def test_networks_that_hear_are_refused_on_a_set_without_sound(own):
    videos = dataset("lab").videos(own.data_root, "test", 1)
    check_videos(videos, audio=False)
    with pytest.raises((ValueError, FileNotFoundError), match="lab"):
        check_videos(videos, audio=True)


def evaluate(own, maps):
    """Score maps of numbers from 0."""
    words = ["evaluate", "--pred", str(maps), "--dataset", "lab", "--name", "net", "--workers", "0", "--first", "0"]
    folders = {"--data-root": own.data_root, "--runs": own.runs, "--leaderboard": own.leaderboard}
    return main([*words, *(str(word) for pair in folders.items() for word in pair)])


@pytest.fixture
def maps(own, tmp_path):
    """The ground truth itself, as maps of a network."""
    return shutil.copytree(own.data_root / "heat", tmp_path / "maps")


def record_of(own):
    return own.leaderboard / "records/stavis/lab/net-fold1-seed0.json"


def test_maps_are_scored_and_the_record_says_whose_set_it_is(own, maps, capsys):
    assert main(["data", "prepare", "lab", "--root", str(own.data_root), "--size", "16x16", "--workers", "0"]) == 0
    assert evaluate(own, maps) == 0
    record = read_record(record_of(own))
    assert record.scores["CC"] > 0.98
    assert record.provenance["own_set"]["title"] == "Six clips of a lab"
    assert record.provenance["own_set"]["split"] == {"fraction": 0.34, "seed": 1}
    assert rows([record])[0].own_set
    assert "### Six clips of a lab, a set of one's own" in (own.leaderboard / "README.md").read_text(encoding="utf-8")
    page = (own.leaderboard / "index.html").read_text(encoding="utf-8")
    assert "Six clips of a lab" in page
    assert ", a set of one&#39;s own" in page
    capsys.readouterr()
    # What was scored under another description is not passed off as of this one.
    for old, new, said in (
        ("seed: 1", "seed: 2", "was made of other maps"),
        ("fps: 25", "fps: 30", "list"),
        ("points/{name}/{frame:03}", "heat/{name}/{frame:03}", ""),
    ):
        describe(own.data_root, TEXT.replace(old, new))
        assert evaluate(own, maps) == 2
        assert said in capsys.readouterr().err


def test_submit_says_that_records_of_own_sets_stay_at_home(own, maps, tmp_path):
    assert evaluate(own, maps) == 0
    use_root(None)

    def unknown(name, fold):
        raise ValueError(f"unknown data set {name!r}")

    checked = check_submission([record_of(own)], tmp_path / "board", {"stavis": "videos"}, unknown, None)
    (problems,) = checked.problems.values()
    assert any("lab is a set of its owner (dataset.yaml)" in problem for problem in problems)
    plain = json.loads(record_of(own).read_text(encoding="utf-8"))
    del plain["provenance"]["own_set"]
    other = tmp_path / "other.json"
    record = read_record(record_of(own))
    write_record(other, replace(record, provenance=plain["provenance"]))
    (problems,) = check_submission([other], tmp_path / "board", {"stavis": "videos"}, unknown, None).problems.values()
    assert "unknown data set 'lab'" in problems


@pytest.mark.slow
def test_bench_tests_networks_on_it_in_processes_of_their_own(own, capsys):
    folders = {"--data-root": own.data_root, "--runs": own.runs, "--leaderboard": own.leaderboard}
    words = ["bench", "mep", "--folds", "1", "--datasets", "lab", "--workers", "0", "--devices", "1"]
    assert main([*words, *(str(word) for pair in folders.items() for word in pair)]) == 0
    found = sorted(path.name for path in (own.records / "stavis/lab").glob("*.json"))
    assert found == ["centre-fold1-seed0.json", "mep-fold1-seed0.json"]
    assert read_record(own.records / "stavis/lab" / found[1]).provenance["own_set"]["viewers"] == 12

"""Sets with a validation list of their own: what is fitted, what chooses the checkpoint, and what results depend on."""

import pytest
from conftest import write_list
from dave_trees import VIDEOS, N, write_dave_ave

from avsal_bench.bench.context import Context
from avsal_bench.bench.job import Job
from avsal_bench.bench.jobs.checks import needs_of_network
from avsal_bench.bench.jobs.needs import Needs
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.made_of import of_training
from avsal_bench.bench.plan import epoch_clips, make_plan
from avsal_bench.bench.run import run_job
from avsal_bench.bench.stages import trainings
from avsal_bench.bench.workspace import Workspace
from avsal_bench.cli import main
from avsal_bench.data.clips import DataConfig, SaliencyDataModule
from avsal_bench.leaderboard.tables import rows
from avsal_bench.records import read_record
from avsal_bench.spec import ClipSpec

TINY = (
    *("network.frames=8", "network.size=[64, 96]", "network.width=0.125", "stages.davos.start=null"),
    *("stages.davos.epochs=2", "clips_every=null", "clips_per_video=2", "batch_size=2", "val_stride=4"),
    *("stages.davos.stills=[]", "stages.words=null"),
)
DAVE = Job("dave", "av", 1, 0, "ave", "dave", TINY)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_dave_ave(tmp_path_factory.mktemp("ave"))


@pytest.fixture
def listed(tmp_path):
    """The same without pictures: lists decide what is asked here."""
    return write_dave_ave(tmp_path / "listed", files=False)


def space_of(root, tmp_path):
    return Workspace(tmp_path, root, tmp_path / "synth", tmp_path / "runs", tmp_path / "board")


def names(part):
    return [f"dave_ave/{name}" for name, *_ in VIDEOS[part]]


def test_the_whole_training_list_is_fitted_and_the_validation_list_chooses(listed):
    spec = ClipSpec(4, (32, 48))
    for fraction in (0, 0.1, 0.9):
        data = SaliencyDataModule(DataConfig({"dave_ave": listed}, val_fraction=fraction), spec)
        assert [video.key for video in data.fit_videos()] == names("train")
        assert [video.key for video in data.val_videos()] == names("val")
    assert [video.key for video in data.test_videos()] == names("test")
    assert data.prepared_count() == (0, 8)


def test_beside_a_set_without_one_each_goes_by_its_own(listed):
    data = SaliencyDataModule(
        DataConfig({"coutrot1": listed, "dave_ave": listed}, val_fraction=0.1), ClipSpec(4, (32, 48))
    )
    aside = [v.key for v in data.val_videos() if v.dataset == "coutrot1"]
    assert len(aside) == 1
    assert [v.key for v in data.val_videos()] == aside + names("val")
    assert len(data.fit_videos()) == 1 + 3


def test_the_plan_counts_all_training_videos(listed, tmp_path):
    space = space_of(listed, tmp_path)
    (stage,) = DAVE.recipe(space).stages
    assert epoch_clips(stage, 1, space) == 3 * 2


def test_the_preset_trains_validates_and_tests_on_it_in_one_fold(listed, tmp_path):
    space = space_of(listed, tmp_path)
    jobs = make_plan(space, ["dave", "vinet", "human_infinite", "chance"], "ave", "dave")
    assert [job.name for job in jobs if job.model in ("dave", "mep")] == [
        *("mep-fold1-seed0", "dave_v-fold1-seed0", "dave_a-fold1-seed0", "dave_av-fold1-seed0")
    ]
    assert {job.recipe(space).test for job in jobs} == {("dave_ave",)}
    stages = {job.name: [stage.data for stage in job.recipe(space).stages] for job in jobs}
    assert stages["vinet_av-fold1-seed0"] == [("dhf1k",), ("dave_ave",)]
    assert stages["dave_a-fold1-seed0"] == [(), ("dave_ave",)]


def test_another_validation_list_is_another_training(listed, tmp_path):
    space = space_of(listed, tmp_path)
    before = trainings(DAVE, DAVE.recipe(space), space)[-1].folder
    write_list(listed, "dave_ave", "test", "", f"clip_12 {N} 25\n")
    assert trainings(DAVE, DAVE.recipe(space), space)[-1].folder == before
    write_list(listed, "dave_ave", "val", "", f"clip_18 {N} 25\n")
    assert trainings(DAVE, DAVE.recipe(space), space)[-1].folder != before


def test_files_of_validation_videos_are_looked_for_and_decide_what_is_kept(root, tmp_path, monkeypatch):
    monkeypatch.setattr("avsal_bench.bench.made_of.code_of", lambda *words, **more: "")
    space = space_of(root, tmp_path)
    stages = trainings(DAVE, DAVE.recipe(space), space)
    needs = Needs(space)
    needs_of_network(Context(DAVE, DAVE.recipe(space), space, None), stages, ["dave_ave"], needs)
    assert {video.key for video in needs.videos} == set(names("train") + names("val") + names("test"))
    before = of_training(stages[-1], DAVE, space)
    path = root / "annotations/Coutrot_db1/clip18/maps/eyeMap_00003.jpg"
    kept = path.read_bytes()
    path.write_bytes((root / "annotations/Coutrot_db1/clip18/maps/eyeMap_00004.jpg").read_bytes())
    after = of_training(stages[-1], DAVE, space_of(root, tmp_path / "anew"))
    path.write_bytes(kept)
    assert {part for part in before if before[part] != after[part]} == {"davos: maps"}


@pytest.mark.slow
def test_bounds_and_dave_are_tested_on_it_and_stand_beside_the_paper(root, tmp_path, capsys):
    space, one = space_of(root, tmp_path), Machine(devices=1)
    human = ("network.degree.dave_ave=5", "network.splits=1")
    jobs = [Job("mep", "", 1, 0, "ave", "dave"), Job("human_infinite", "", 1, 0, "ave", "dave", human), DAVE]
    paths = [path for job in jobs for path in run_job(job, space, one)]
    records = [read_record(path) for path in paths]
    assert all(row.complete for row in rows(records))
    for record in records:
        assert {(v.video, v.category) for v in record.videos} == {(name, kind) for name, *_, kind in VIDEOS["test"]}
        assert record.provenance["folds"] == [1]
    assert len(records[-1].provenance["fits"][0]["curve"]) == 2
    folders = ["--data-root", str(root), "--runs", str(space.runs), "--leaderboard", str(space.leaderboard)]
    capsys.readouterr()
    assert main(["analyse", *map(str, paths), "-o", str(tmp_path / "told"), *folders]) == 0
    printed = capsys.readouterr().out.partition("## Printed in papers")[2]
    assert [line.split("|")[1].strip() for line in printed.splitlines() if "dave2019" in line] == [
        *("dave (av)", "human_infinite", "mep")
    ]

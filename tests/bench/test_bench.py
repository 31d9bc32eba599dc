"""Plan, run, kill, resume: with tiny networks on a small synth, through the functions that a user's command calls."""

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from conftest import HOME, SIX_SETS, TINY
from PIL import Image

from avsal_bench.bench.cost import cost, plan_text
from avsal_bench.bench.fit import read_story
from avsal_bench.bench.job import Job
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.plan import make_plan, records_of
from avsal_bench.bench.run import forget, run_job
from avsal_bench.bench.stages import stage_options, trainings
from avsal_bench.bench.workspace import Workspace
from avsal_bench.data.dataset import dataset
from avsal_bench.data.files.prepare import prepare_videos
from avsal_bench.evaluation.score_videos import ScoreVideos
from avsal_bench.models import create_model
from avsal_bench.records import mean_scores, read_record
from avsal_bench.training.module import SaliencyModule
from avsal_bench.workers import Workers

MACHINE = Machine()


def job(modality="v", fold=1, overrides=TINY, model="avrsp"):
    return Job(model, modality, fold, 0, "smoke", "stavis", tuple(overrides))


def scores(paths):
    """Everything in records that must not change from run to run."""
    return [(r.scores, r.videos, r.weights["parameters"]) for r in map(read_record, paths)]


def test_baselines_first_then_every_modality(space):
    plan = make_plan(space, ["avrsp"], "smoke", "stavis")
    assert [j.name for j in plan] == [
        "centre-fold1-seed0",
        "mep-fold1-seed0",
        "avrsp_v-fold1-seed0",
        "avrsp_av-fold1-seed0",
    ]
    assert len(make_plan(space, ["avrsp"], "smoke", "stavis", folds=[1, 2], seeds=[0, 1], modalities=["av"])) == 8


@pytest.mark.parametrize(
    ("models", "preset", "message"),
    [
        (["avrps"], "smoke", "unknown model 'avrps'; did you mean 'avrsp'"),
        (["avrsp"], "smok", "unknown preset 'smok'; did you mean 'smoke'"),
    ],
)
def test_a_plan_with_an_unknown_name(space, models, preset, message):
    with pytest.raises(ValueError, match=message):
        make_plan(space, models, preset, "stavis")


def test_a_modality_that_the_network_lacks(space):
    with pytest.raises(ValueError, match="avrsp has no modality 'a'; it has: v, av"):
        make_plan(space, ["avrsp"], "smoke", "stavis", modalities=["a"])


def test_jobs_share_the_visual_stage_and_nothing_else(space):
    stages = {}
    for modality in ("v", "av"):
        for fold in (1, 2):
            one = job(modality, fold)
            stages[modality, fold] = [t.folder for t in trainings(one, one.recipe(space), space)]
    assert len({visual for visual, _ in stages.values()}) == 1
    assert len({audiovisual for _, audiovisual in stages.values()}) == 4
    other = job(overrides=[*TINY, "optimizer.lr=0.5"])
    assert trainings(other, other.recipe(space), space)[0].folder != stages["v", 1][0]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, synth_root):
    """Records of an `av` job that nothing interrupts."""
    folder = tmp_path_factory.mktemp("undisturbed")
    space = Workspace(HOME, None, synth_root, folder / "runs", folder / "leaderboard")
    return space, run_job(job("av"), space, MACHINE)


def test_a_job_writes_a_record_a_condition_with_its_whole_story(undisturbed):
    space, paths = undisturbed
    assert [p.name for p in paths] == ["avrsp_av-fold1-seed0.json", "avrsp_av-fold1-seed0-muted.json"]
    record = read_record(paths[0])
    listed = (space.synth_root / "fold_lists/synth_list_test_1_fps.txt").read_text().split()
    assert [v.video for v in record.videos] == listed[::3]
    assert [v.frames for v in record.videos] == [int(n) for n in listed[1::3]], "every frame has one prediction"
    assert record.synthetic
    assert {v.category for v in record.videos} <= {"timbre", "pulse", "offscreen", "silent"}
    assert set(record.scores) == {"CC", "NSS", "AUC-J", "sAUC", "SIM", "KL"}
    assert len(record.weights["sha256"]) == 64
    assert [fit["stage"] for fit in record.provenance["fits"]] == ["visual", "audiovisual"]
    assert {"version", "commit", "clean", "torch", "device", "command", "started"} <= record.provenance.keys()
    assert record.recipe["stages"][1]["epochs"] == 2
    assert read_record(paths[1]).sound == "muted"
    told = record.provenance["trained_on"]
    assert {(one["stage"], one["set"], one["use"]) for one in told["sets"]} == {
        (stage, name, use)
        for stage, name in (("visual", "synth_silent"), ("audiovisual", "synth"))
        for use in ("fit", "validation")
    }
    assert (told["known"], told["training_part_seen"], told["tested_videos_seen"]) == (True, True, 0)
    assert told["weights"] == []
    assert record.provenance["viewing"]["device"] == "simulated"
    kept = read_story(trainings(job("av"), job("av").recipe(space), space)[-1].folder)
    assert kept["trained_on"] == {name: told[name] for name in ("known", "sets", "weights")}


@pytest.mark.slow
def test_the_same_seed_gives_the_same_scores_after_a_stage_that_another_job_trained(undisturbed, space):
    run_job(job("v"), space, MACHINE)
    assert scores(run_job(job("av"), space, MACHINE)) == scores(undisturbed[1])


def test_what_is_done_is_skipped(undisturbed, monkeypatch, capsys):
    space, paths = undisturbed
    monkeypatch.setattr(SaliencyModule, "training_step", None)
    monkeypatch.setattr(SaliencyModule, "predict_step", None)
    before = [p.stat().st_mtime_ns for p in paths]
    assert run_job(job("av"), space, MACHINE) == paths
    assert [p.stat().st_mtime_ns for p in paths] == before
    assert "all records are there" in capsys.readouterr().out


def test_a_lost_record_is_rebuilt_without_predicting_again(undisturbed, monkeypatch):
    space, paths = undisturbed
    before = scores(paths)
    paths[0].unlink()
    monkeypatch.setattr(SaliencyModule, "training_step", None)
    monkeypatch.setattr(SaliencyModule, "predict_step", None)
    assert scores(run_job(job("av"), space, MACHINE)) == before


def test_a_record_of_another_recipe_is_not_passed_off_nor_replaced(undisturbed):
    space, paths = undisturbed
    other = job("av", overrides=[*TINY, "stages.audiovisual.epochs=1"])
    with pytest.raises(ValueError, match=r"avrsp_av-fold1-seed0.json was made by another recipe .*--force"):
        run_job(other, space, MACHINE)
    assert all(p.is_file() for p in paths)


class Killed(BaseException):
    """Stands for a signal: no code catches it."""


def interrupt(monkeypatch, owner, name, after):
    """Let ``owner.name`` work ``after`` times, then die."""
    original, calls = getattr(owner, name), []

    def dying(self, *args, **kwargs):
        if len(calls) == after:
            raise Killed
        calls.append(1)
        return original(self, *args, **kwargs)

    monkeypatch.setattr(owner, name, dying)
    return calls


@pytest.mark.slow
def test_killed_in_the_middle_of_fit_it_ends_with_the_same_scores(undisturbed, space, monkeypatch):
    with monkeypatch.context() as patch:
        # The second epoch of the second stage: the first stage has one epoch.
        calls = interrupt(patch, SaliencyModule, "on_train_epoch_start", after=2)
        with pytest.raises(Killed):
            run_job(job("av"), space, MACHINE)
        assert len(calls) == 2
    steps = interrupt(monkeypatch, SaliencyModule, "on_train_epoch_start", after=99)
    assert scores(run_job(job("av"), space, MACHINE)) == scores(undisturbed[1])
    assert len(steps) == 1, "only the epoch that was cut off is trained again"


@pytest.mark.slow
def test_killed_in_the_middle_of_test_nothing_is_predicted_twice(undisturbed, space, monkeypatch):
    shutil.copytree(undisturbed[0].runs / "stages", space.runs / "stages", ignore=shutil.ignore_patterns("test"))
    with monkeypatch.context() as patch:
        interrupt(patch, ScoreVideos, "_finish", after=1)
        with pytest.raises(Killed):
            run_job(job("av"), space, MACHINE)
    videos = interrupt(monkeypatch, ScoreVideos, "_finish", after=99)
    monkeypatch.setattr(SaliencyModule, "training_step", None)
    assert scores(run_job(job("av"), space, MACHINE)) == scores(undisturbed[1])
    n_videos = len(read_record(undisturbed[1][0]).videos)
    assert len(videos) == 2 * n_videos - 1, "two sound conditions, less the video that was scored before"


def test_force_forgets_all_of_it(space):
    centre = job("", model="centre", overrides=())
    (path,) = run_job(centre, space, MACHINE)
    forget(centre, space)
    assert not path.exists()
    assert not list(space.runs.rglob("*.json"))


def test_a_nan_in_the_middle_of_test_names_the_frame(space, monkeypatch):
    monkeypatch.setattr(SaliencyModule, "predict_step", lambda self, batch, index: self(batch) * float("nan"))
    with pytest.raises(ValueError, match=r"synth/\w+, frame 1: the predicted map holds NaN or infinity"):
        run_job(job("", model="centre", overrides=()), space, MACHINE)
    assert not list(space.records.rglob("*.json"))


def test_the_mean_eye_position_comes_from_the_training_part(space):
    (path,) = run_job(job("", model="mep", overrides=()), space, MACHINE)
    (centre,) = run_job(job("", model="centre", overrides=()), space, MACHINE)
    assert read_record(path).scores["CC"] != read_record(centre).scores["CC"]
    assert read_record(path).modality == ""


def test_another_protocol_has_records_and_rules_of_its_own(space):
    paths = [run_job(Job("centre", "", 1, 0, "smoke", name), space, MACHINE)[0] for name in ("stavis", "dhf1k")]
    ours, other = map(read_record, paths)
    assert (ours.averaging, other.averaging) == ("videos", "frames")
    assert other.scores == mean_scores(other.videos, "frames") != mean_scores(other.videos, "videos")
    assert other.videos[0].scores["sAUC"] != ours.videos[0].scores["sAUC"]
    assert other.videos[0].frames == ours.videos[0].frames


ENVIRONMENT = {"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"}


def run_command(space, modality):
    """`avsal run` of the job in a process of its own."""
    folders = {"synth-root": space.synth_root, "runs": space.runs, "leaderboard": space.leaderboard}
    options = [word for name, folder in folders.items() for word in (f"--{name}", str(folder))]
    return [sys.executable, "-m", "avsal_bench.cli", "run", *job(modality).arguments(), *options, "--workers", "0"]


@pytest.fixture
def real_space(tmp_path, real_root, synth_root, space):
    return Workspace(space.home, real_root, synth_root, tmp_path / "runs", tmp_path / "leaderboard")


#: The paper's recipe with a network and a number of epochs for a test.
SMALL_PAPER = (
    "network={frames: 8, size: [64, 64], width: 8, backbone_width: 0.125, audio_width: 0.125}",
    "stages.visual.epochs=1",
    "stages.audiovisual.epochs=1",
    "stages.visual.start=null",
    "stages.audiovisual.start=null",
)


@pytest.mark.slow
def test_the_paper_preset_runs_on_the_real_layouts_and_prepared_frames_change_no_score(real_space, capsys):
    one = Job("avrsp", "av", 2, 0, "paper", "stavis", SMALL_PAPER)
    paths = run_job(one, real_space, MACHINE)
    assert "frames of 0 of" in capsys.readouterr().out
    assert [p.parent.name for p in paths] == list(SIX_SETS)
    for path in paths:
        record = read_record(path)
        assert not record.synthetic
        assert [v.frames for v in record.videos] == [12]
    before = scores(paths)
    size = create_model("avrsp", **stage_options(one, one.recipe(real_space))).spec.size
    with Workers(0) as workers:
        for name in ("dhf1k", *SIX_SETS):
            videos = [v for part in ("train", "test") for v in dataset(name).videos(real_space.data_root, part, 2)]
            prepare_videos(videos, size, 22050, workers)
    forget(one, real_space)
    assert scores(run_job(one, real_space, MACHINE)) == before
    assert re.search(r"frames of (\d+) of \1 videos? come prepared\n", capsys.readouterr().out)


def test_the_plan_says_what_is_left_and_what_it_costs(real_space):
    one = Job("avrsp", "av", 1, 0, "paper", "stavis", SMALL_PAPER)
    left = cost(one, real_space)
    # 3 DHF1K videos, whose own part validates; 12 less 6 of the six sets, 6 test videos of 12 frames
    assert (left.clips, left.windows, left.records) == (3 + 6, 72, 6)
    jobs = make_plan(real_space, ["avrsp"], "paper", "stavis", overrides=SMALL_PAPER)
    text = plan_text(jobs, real_space, timed=True)
    assert len(jobs) == 12
    assert all(job.name in text for job in jobs)
    assert "hours in all" in text
    # Six jobs share the visual stage: its step counts once.
    assert [int(line.split()[2]) for line in text.splitlines()[1:-1]] == [0, 0, 2, 1] + [0, 0, 1, 1] * 2


def test_the_baselines_run_on_the_real_layouts(real_space):
    for model in ("centre", "mep"):
        paths = run_job(Job(model, "", 3, 0, "paper", "stavis"), real_space, MACHINE)
        assert [p.parent.name for p in paths] == list(SIX_SETS)


def test_real_sets_without_a_root(space):
    one = Job("avrsp", "av", 1, 0, "paper", "stavis", SMALL_PAPER)
    with pytest.raises(FileNotFoundError, match="dhf1k: no data root; set AVSAL_DATA or --data-root"):
        run_job(one, space, MACHINE)


def test_a_root_that_lacks_a_set(real_space):
    shutil.rmtree(real_space.data_root / "annotations" / "ETMD_av")
    one = Job("avrsp", "av", 1, 0, "paper", "stavis", SMALL_PAPER)
    with pytest.raises(FileNotFoundError, match=r"etmd: no folder .*annotations/ETMD_av"):
        run_job(one, real_space, MACHINE)


def test_a_frame_missing_in_the_test_part_is_found_before_training(real_space):
    missing = real_space.data_root / "video_frames/SumMe/video0/img_00007.jpg"
    missing.unlink()
    one = Job("avrsp", "av", 1, 0, "paper", "stavis", SMALL_PAPER)
    with pytest.raises(FileNotFoundError, match=r"summe/video0: missing file .*video0/img_00007.jpg"):
        run_job(one, real_space, MACHINE)
    assert not real_space.runs.exists()


def test_bf16_without_a_gpu_is_an_error(space, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ValueError, match="precision bf16-mixed needs a GPU; on a CPU train with --precision 32-true"):
        run_job(job("v"), space, Machine(precision="bf16-mixed"))


def test_a_results_folder_that_cannot_be_written(tmp_path, space):
    (tmp_path / "file").write_text("in the way")
    blocked = Workspace(space.home, None, space.synth_root, tmp_path / "file" / "runs", space.leaderboard)
    with pytest.raises(OSError, match=r"cannot write to .*file/runs .*see --runs, --leaderboard"):
        blocked.check_writable()


def test_a_single_result_is_json_with_the_scores_of_every_frame(undisturbed):
    space, paths = undisturbed
    video = read_record(paths[0]).videos[0]
    (result,) = space.runs.glob(f"stages/*/test/stavis-synth-fold1-original/{video.video}.json")
    frames = json.loads(result.read_text())["frames"]
    assert {len(values) for values in frames.values()} == {video.frames}
    with Image.open(result.with_suffix(".png")) as picture:
        assert picture.size == (144 * min(8, video.frames), 96 * 3)
        assert np.asarray(picture).std() > 10


@pytest.mark.slow
@pytest.mark.parametrize("left", ["all", "one"])
def test_two_processes_give_the_scores_of_one(undisturbed, space, left):
    """The same weights, tested by two processes: whole videos to each, nothing twice, or nothing left for one."""
    shutil.copytree(undisturbed[0].runs / "stages", space.runs / "stages")
    for folder in space.runs.glob("stages/*/test/*"):
        results = sorted(folder.glob("*.json"))
        for path in results if left == "all" else results[:1]:
            path.unlink()
    done = subprocess.run(
        [*run_command(space, "av"), "--devices", "2"], env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    paths = [path for _, _, path in records_of(job("av"), job("av").recipe(space), space)]
    assert scores(paths) == scores(undisturbed[1])

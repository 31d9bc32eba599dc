"""Trained networks tested with other sounds: tiny ones, through the functions that the commands call."""

import argparse
import json
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import HOME, TINY
from made_records import PUBLISHED

from avsal_bench.bench.job import Job
from avsal_bench.bench.jobs.listening import Listener
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.plan import asked_sounds, make_plan, records_of
from avsal_bench.bench.run import forget, run_job
from avsal_bench.bench.stages import trainings
from avsal_bench.bench.workspace import Workspace
from avsal_bench.cli.hear import add_parser
from avsal_bench.data.dataset import dataset
from avsal_bench.data.labels import labels_of
from avsal_bench.evaluation.contextual import contextual_of_maps
from avsal_bench.evaluation.protocol import protocol
from avsal_bench.evaluation.score import likeness
from avsal_bench.evaluation.score_videos import ScoreVideos
from avsal_bench.records import SOUNDS, read_record, record_path, write_record
from avsal_bench.studies.hear import hear
from avsal_bench.training.module import SaliencyModule
from avsal_bench.training.recipe import Recipe

MACHINE = Machine(devices=1, logger=("csv",))
SHORT = (*TINY, "stages.audiovisual.epochs=1", "clips_per_video=1")


def job(modality="av", **more):
    return Job("avrsp", modality, 1, 0, "smoke", "stavis", SHORT, **more)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, synth_root):
    """A network that hears, its records with the true sound and muted, and those that `hear` adds."""
    folder = tmp_path_factory.mktemp("trained")
    space = Workspace(HOME, None, synth_root, folder / "runs", folder / "leaderboard")
    first = run_job(job(), space, MACHINE)
    before = [(path, path.read_bytes()) for path in first]
    records = hear([first[0]], space, MACHINE, SOUNDS)
    assert [(path, path.read_bytes()) for path in first] == before, "what was there is not made again"
    return space, records


@pytest.fixture
def copied(trained, tmp_path):
    """The same network and its first records, to damage."""
    space = replace(trained[0], runs=tmp_path / "runs", leaderboard=tmp_path / "leaderboard")
    shutil.copytree(trained[0].runs, space.runs)
    for folder in space.runs.glob("stages/*/test"):
        shutil.rmtree(folder)
    (space.records / "stavis" / "synth").mkdir(parents=True)
    for sound in ("original", "muted"):
        shutil.copy(path_of(trained[0], sound), path_of(space, sound))
    return space


def path_of(space, sound="original", network="avrsp_av"):
    return record_path(space.records, network, "synth", 1, 0, "stavis", sound)


def results(records):
    return {r.sound: (r.scores, r.videos) for r in records}


def no_prediction(monkeypatch):
    monkeypatch.setattr(SaliencyModule, "training_step", None)
    monkeypatch.setattr(SaliencyModule, "predict_step", None)


def test_every_condition_has_a_record_of_the_same_weights(trained):
    space, records = trained
    assert [r.sound for r in records] == list(SOUNDS)
    assert len({r.weights["sha256"] for r in records}) == 1
    assert len({json.dumps(r.recipe) for r in records}) == 1, "what was tested is no part of the recipe"
    assert len({json.dumps(r.scores) for r in records}) == 6
    # The first two were tested by a job of their own; then `hear` tested what lacked, in one pass.
    assert [r.provenance["sounds"] for r in records] == [["original", "muted"]] * 2 + [list(SOUNDS[2:])] * 4
    for record in records:
        assert [v.frames for v in record.videos] == [v.frames for v in records[0].videos]
        liked = [v.map_cc for v in record.videos]
        if record.sound == "original":
            assert liked == [None] * len(liked)
        else:
            assert all(one is not None and -1 <= one <= 1 for one in liked)
        told = record.provenance.get("partners", {})
        if record.sound == "swapped":
            assert len(told) == len(record.videos)
        elif record.sound == "matched":
            sounding = {f"synth/{v.video}" for v in record.videos if v.category != "silent"}
            assert set(told) == set(record.provenance["louder_db"]) == sounding, "silence stays silence"
        else:
            assert told == {}
        assert all(video != partner for video, partner in told.items())
    assert path_of(space, "swapped").name == "avrsp_av-fold1-seed0-swapped.json"


def test_what_is_there_is_not_tested_again(trained, monkeypatch):
    space, records = trained
    no_prediction(monkeypatch)
    paths = [path_of(space, sound) for sound in SOUNDS]
    assert results(hear(paths, space, MACHINE, SOUNDS)) == results(records)
    some = hear([path_of(space, "noise")], space, MACHINE, ("swapped",))
    assert [r.sound for r in some] == ["original", "swapped"]


def test_scores_of_consistent_frames_are_means_over_those_that_the_labels_name(trained):
    space, records = trained
    videos = {v.name: v for v in dataset("synth").videos(space.synth_root, "test", 1)}
    counts = set()
    for record in records:
        [folder] = space.runs.glob(f"stages/avrsp_av-*/test/stavis-synth-fold1-{record.sound}")
        for video in record.videos:
            plain = json.loads((folder / f"{video.video}.json").read_text())
            labels = labels_of(videos[video.video])
            assert video.consistent_frames == sum(labels)
            counts.add(sum(labels))
            for metric, values in plain["frames"].items():
                own = [x for n, x in zip(plain["numbers"], values, strict=True) if labels[n - 1] and x is not None]
                assert video.consistent[metric] == (
                    pytest.approx(np.mean(own)) if own else pytest.approx(np.nan, nan_ok=True)
                )
    assert max(counts) > 0


def test_all_sounds_at_once_give_the_scores_of_each_alone_and_likeness_is_the_cc_of_the_maps(trained, copied):
    """Written out from the maps as they were predicted."""
    for path in copied.records.rglob("*.json"):
        path.unlink()
    keeping = replace(MACHINE, keep_maps="npy")
    paths = run_job(job(sounds=("original", "swapped")), copied, keeping)
    found = [read_record(path) for path in paths]
    expected = results(trained[1])
    assert results(found)["swapped"] == expected["swapped"]
    assert found[0].scores == expected["original"][0]
    [root] = copied.runs.glob("stages/avrsp_av-*/test")
    for video in found[1].videos:
        alike = []
        for path in sorted((root / "stavis-synth-fold1-swapped/maps" / video.video).glob("*.npy")):
            other = root / "stavis-synth-fold1-original/maps" / video.video / path.name
            alike.append(np.corrcoef(np.load(path).ravel(), np.load(other).ravel())[0, 1])
        assert len(alike) == video.frames
        assert video.map_cc == pytest.approx(np.mean(alike), abs=1e-6)
    # What is kept at the places is what `avsal analyse` finds in the maps afterwards, with either sound.
    videos = dataset("synth").videos(copied.synth_root, "test", 1)
    swapped, original = (
        contextual_of_maps(videos, root / f"stavis-synth-fold1-{sound}/maps", protocol("stavis"), copied.synth_root)
        for sound in ("swapped", "original")
    )
    assert {v.video for v in found[1].videos if v.places} == swapped.keys() != set()
    assert not any(v.places for v in found[0].videos), "the true sound is compared with no other"
    for video in found[1].videos:
        for place, both in video.places.items():
            assert both == pytest.approx([original[video.video][place], swapped[video.video][place]], abs=1e-6)


def test_likeness_of_equal_and_of_constant_maps():
    maps = torch.rand(4, 5, 6)
    others = maps.clone()
    others[1] = -maps[1]
    maps[2] = others[2] = 0.5
    maps[3] = 0.5
    found = likeness(maps, others)
    assert found[:3].tolist() == pytest.approx([1.0, -1.0, 1.0])
    assert found[3].isnan()


@pytest.mark.slow
def test_workers_change_nothing(trained, copied):
    assert (
        results(hear([path_of(copied)], copied, replace(MACHINE, workers=2), ("noise", "shifted")))["noise"]
        == (results(trained[1])["noise"])
    )


class Killed(BaseException):
    """Stands for a signal."""


@pytest.mark.slow
def test_a_test_that_was_cut_off_goes_on_with_the_next_result(trained, copied, monkeypatch):
    finish, done = ScoreVideos._finish, []

    def dying(self, *args):
        if len(done) == 4:
            raise Killed
        done.append(1)
        finish(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(ScoreVideos, "_finish", dying)
        with pytest.raises(Killed):
            hear([path_of(copied)], copied, MACHINE, SOUNDS)
    assert not path_of(copied, "swapped").exists()
    left = []
    monkeypatch.setattr(ScoreVideos, "_finish", lambda self, *args: (left.append(1), finish(self, *args)))
    assert results(hear([path_of(copied)], copied, MACHINE, SOUNDS)) == results(trained[1])
    # Four sounds of each video, less the first four results.
    assert len(left) == 4 * len(trained[1][0].videos) - 4


@pytest.mark.slow
def test_two_processes_give_the_same_records(trained, copied):
    words = job(sounds=SOUNDS).arguments()
    folders = {"synth-root": copied.synth_root, "runs": copied.runs, "leaderboard": copied.leaderboard}
    options = [word for name, folder in folders.items() for word in (f"--{name}", str(folder))]
    command = [sys.executable, "-m", "avsal_bench.cli", "run", *words, *options, "--workers", "0", "--devices", "2"]
    environment = {"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(HOME)}
    subprocess.run(command, check=True, env=environment, capture_output=True, timeout=300)
    found = [read_record(path_of(copied, sound)) for sound in SOUNDS]
    assert results(found) == results(trained[1])


# what stands in the way


def test_weights_that_are_gone(copied):
    for path in copied.runs.glob("stages/avrsp_av-*/best.ckpt"):
        path.unlink()
    with pytest.raises(
        FileNotFoundError, match=r"seed0.json: its weights are gone, there is no .*best.ckpt; .* --runs"
    ):
        hear([path_of(copied)], copied, MACHINE, SOUNDS)


def test_weights_that_are_others_by_now(copied):
    [path] = copied.runs.glob("stages/avrsp_av-*/best.ckpt")
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ValueError, match=r"made with other weights \(SHA-256 [0-9a-f]{64}\) than .*best.ckpt holds"):
        hear([path_of(copied)], copied, MACHINE, SOUNDS)


def test_a_condition_of_other_weights(copied):
    muted = read_record(path_of(copied, "muted"))
    write_record(path_of(copied, "muted"), replace(muted, weights=muted.weights | {"sha256": "0" * 64}))
    with pytest.raises(ValueError, match=r"seed0-muted.json was made with other weights than the records beside it"):
        hear([path_of(copied)], copied, MACHINE, SOUNDS)


def test_a_record_somewhere_else(copied, tmp_path):
    moved = tmp_path / "moved.json"
    shutil.copy(path_of(copied), moved)
    with pytest.raises(ValueError, match=r"moved.json: expected at .*seed0.json; .*--leaderboard"):
        hear([moved], copied, MACHINE, SOUNDS)


def test_a_recipe_of_another_version(copied):
    record = read_record(path_of(copied))
    write_record(path_of(copied), replace(record, recipe=record.recipe | {"tempo": 3}))
    with pytest.raises(ValueError, match=r"seed0.json: no recipe of this version .*tempo"):
        hear([path_of(copied)], copied, MACHINE, SOUNDS)


def test_networks_that_hear_nothing_are_told_of_and_passed_over(copied, capsys, monkeypatch):
    record = read_record(path_of(copied))
    visual = path_of(copied, network="avrsp_v")
    write_record(visual, replace(record, modality="v"))
    foreign = path_of(copied, network="other_av")
    write_record(foreign, replace(record, model="other", preset="maps"))
    no_prediction(monkeypatch)
    found = hear([visual, path_of(copied), foreign], copied, MACHINE, ("muted",))
    assert [(r.modality, r.sound) for r in found] == [("av", "original"), ("av", "muted")]
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "avrsp_v-fold1-seed0.json: hears nothing, so it loses nothing with another sound, exactly"
    assert said[1].startswith("other_av-fold1-seed0.json: maps of other code; there is no network here")
    with pytest.raises(ValueError, match="no record of a network that was trained or loaded here and hears"):
        hear([visual], copied, MACHINE, SOUNDS)


def test_labels_of_another_length_are_found_before_any_training(tmp_path, synth_root):
    root = tmp_path / "synth"
    shutil.copytree(synth_root, root)
    video = dataset("synth").videos(root, "test", 1)[0]
    video.labels.write_text("1\n0\n")
    space = Workspace(HOME, None, root, tmp_path / "runs", tmp_path / "leaderboard")
    with pytest.raises(ValueError, match=rf"{video.name}.txt: 2 labels for {video.n_frames} frames"):
        run_job(job("v"), space, MACHINE)
    assert not space.runs.exists()


def test_a_video_without_labels_has_no_scores_of_consistent_frames(tmp_path, synth_root):
    root = tmp_path / "synth"
    shutil.copytree(synth_root, root)
    shutil.rmtree(root / "av_gt_label")
    space = Workspace(HOME, None, root, tmp_path / "runs", tmp_path / "leaderboard")
    [path] = run_job(Job("centre", "", 1, 0, "smoke", "stavis"), space, MACHINE)
    assert {(v.consistent_frames, len(v.consistent)) for v in read_record(path).videos} == {(0, 0)}


def test_a_test_list_with_one_video_cannot_be_swapped(tmp_path, synth_root):
    root = tmp_path / "synth"
    shutil.copytree(synth_root, root)
    path = root / "fold_lists" / "synth_list_test_1_fps.txt"
    path.write_text(path.read_text().splitlines()[0] + "\n")
    space = Workspace(HOME, None, root, tmp_path / "runs", tmp_path / "leaderboard")
    with pytest.raises(ValueError, match=r"synth: one test video, synth/\w+; sounds are swapped between two or more"):
        run_job(job(sounds=("swapped",)), space, MACHINE)
    assert not space.runs.exists()


# plans


def test_sounds_of_a_job_are_no_part_of_what_it_is(space):
    plain, swapped = job(), job(sounds=("original", "swapped"))
    assert swapped.key == plain.key
    assert swapped.recipe(space) == plain.recipe(space)
    assert [t.folder for t in trainings(swapped, swapped.recipe(space), space)] == [
        t.folder for t in trainings(plain, plain.recipe(space), space)
    ]
    assert [sound for _, sound, _ in records_of(plain, plain.recipe(space), space)] == ["original", "muted"]
    assert [sound for _, sound, _ in records_of(swapped, swapped.recipe(space), space)] == ["original", "swapped"]
    assert swapped.arguments()[-2 * len(SHORT) - 2 : -2 * len(SHORT)] == ["--sound", "original,swapped"]


def test_a_plan_gives_every_job_the_sounds_and_only_networks_that_hear_use_them(space):
    plan = make_plan(space, ["avrsp"], "smoke", "stavis", sounds=["noise", "swapped", "noise"])
    assert {one.sounds for one in plan} == {("swapped", "noise")}
    heard = {one.name: [s for _, s, _ in records_of(one, one.recipe(space), space)] for one in plan}
    assert heard.pop("avrsp_av-fold1-seed0") == ["swapped", "noise"]
    assert set(map(tuple, heard.values())) == {("original",)}


def test_an_unknown_sound(space):
    with pytest.raises(ValueError, match="unknown sound 'swaped'; did you mean 'swapped'"):
        asked_sounds(["original", "swaped"])
    with pytest.raises(ValueError, match="unknown sound 'loud'"):
        make_plan(space, ["avrsp"], "smoke", "stavis", sounds=["loud"])


def test_a_recipe_comes_back_from_a_record(space):
    recipe = job().recipe(space)
    assert Recipe.from_plain(json.loads(json.dumps(recipe.plain()))) == recipe


def test_forgetting_a_job_forgets_its_records_with_every_sound(copied):
    shutil.copy(path_of(copied), path_of(copied, "swapped"))
    forget(job(), copied)
    assert not list(copied.records.rglob("*.json"))


def test_what_a_network_keeps_with_one_sound_is_not_there_with_another(monkeypatch):
    options = {
        "modality": "av",
        **{k.removeprefix("network."): json.loads(v) for k, v in (w.split("=") for w in TINY[:5])},
    }
    listener = Listener("avrsp", options, {}, {}, {})
    spec = listener.net.spec
    calls = []

    def predict(clips, audio, memory):
        calls.append((audio, dict(memory.heard), dict(memory.seen)))
        memory.heard[len(calls)] = memory.seen[len(calls)] = True
        return audio.flatten(1)[:, :4].reshape(-1, 2, 2)

    monkeypatch.setattr(listener.net, "predict", predict)
    audio, others = (
        torch.rand(2, *spec.audio(torch.zeros(1)).shape),
        torch.rand(2, 2, *spec.audio(torch.zeros(1)).shape),
    )
    frames = torch.zeros(2, 3, spec.frames, *spec.size, dtype=torch.uint8)
    batch = {"frames": frames, "audio": audio, "others": others, "dataset": ["d"] * 2, "video": ["v"] * 2}
    batch |= {"frame": [1, 2], "window": [tuple(range(spec.frames))] * 2, "density": None, "fixated": None}
    listener.on_predict_start()
    maps = listener.predict_step(batch, 0)
    listener.predict_step(batch, 1)
    assert maps.shape == (3, 2, 2, 2)
    assert [torch.equal(call[0], heard) for call, heard in zip(calls, (audio, *others.unbind(1)), strict=False)] == [
        True
    ] * 3
    assert [call[1] for call in calls[3:]] == [{1: True}, {2: True}, {3: True}]
    assert [len(call[2]) for call in calls] == [0, 1, 2, 3, 4, 5]  # what is seen is shared
    listener.on_predict_start()
    listener.predict_step(batch, 0)
    assert calls[6][1:] == ({}, {})


def command(*words):
    """As the command line does, but errors come through."""
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    args = parser.parse_args(["hear", "--workers", "0", "--devices", "1", *map(str, words)])
    return args.function(args)


def test_the_command_prints_the_losses_and_writes_the_leaderboard(trained, capsys, monkeypatch):
    space, records = trained
    space.leaderboard.joinpath("published.csv").write_bytes(PUBLISHED.read_bytes())
    no_prediction(monkeypatch)
    folders = ("--runs", space.runs, "--leaderboard", space.leaderboard, "--synth-root", space.synth_root)
    assert command(path_of(space), *folders, "-o", space.runs / "pictures") == 0
    said = capsys.readouterr().out
    assert [path.name for path in sorted((space.runs / "pictures").iterdir())] == [
        f"avrsp-smoke-synth-stavis-losses.{form}" for form in ("png", "svg")
    ]
    assert f"2 pictures of losses over time: {space.runs / 'pictures'}" in said
    assert f"avrsp (smoke) on synth: run {', '.join(SOUNDS)}; not run: none" in said
    lines = [line.split() for line in said.splitlines() if line.startswith("avrsp (smoke)  ")]
    assert {line[3] for line in lines} == set(SOUNDS[1:])
    loss = records[0].scores["CC"] - records[2].scores["CC"]
    [swapped, *_] = [line for line in lines if line[3] == "swapped" and line[4:6] == ["all", "frames"]]
    assert float(swapped[7]) == pytest.approx(loss, abs=5.1e-4)
    page = (space.leaderboard / "README.md").read_text(encoding="utf-8")
    assert "### What is lost without the true sound? Synth, synthetic" in page
    with pytest.raises(ValueError, match="unknown sound 'mute'"):
        command(path_of(space), *folders, "--sound", "mute")

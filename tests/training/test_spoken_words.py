"""Pre-training of DAVE's sound encoder on Speech Commands (dave2019, section 3.1): the layout, and the stage."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from avsal_bench.bench.context import Context
from avsal_bench.bench.job import Job
from avsal_bench.bench.jobs.checks import needs_of_network
from avsal_bench.bench.jobs.needs import Needs
from avsal_bench.bench.jobs.network import NetworkJob
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.made_of import of_training
from avsal_bench.bench.plan import check_recipe, stage_clips
from avsal_bench.bench.run import run_job
from avsal_bench.bench.seen.trained_on import learnt_by
from avsal_bench.bench.stages import trainings
from avsal_bench.bench.starting import check_parts
from avsal_bench.data.utterances.speech_commands import check_release, read_utterances, words_of
from avsal_bench.data.utterances.word_batches import WordConfig, WordDataModule, read_second
from avsal_bench.models import create_model, model_entry
from avsal_bench.records import read_record
from avsal_bench.resources import resource
from avsal_bench.training.building import build_module
from avsal_bench.training.recipe import load_recipe

RELEASE = "speech_commands_v0.02"
#: Recordings of each word, and how many of them, the last ones, are in the lists.
WORDS = {"bed": 5, "cat": 4, "yes": 4}
TINY = tuple(f"network.{key}={json.dumps(value)}" for key, value in model_entry("dave").tiny.items())
STAGE = {
    "data": [],
    "utterances": RELEASE,
    "training": "words",
    "modality": "a",
    "epochs": 2,
    "batch_size": 3,
    "options": {"words": len(WORDS)},
}
ON_WORDS = (f"stages.words={json.dumps(STAGE)}", "stages.davos.start={audio_branch: words.audio_branch}")


def write_release(root, release=RELEASE):
    """A tree as the archive has it, of tones: a word is its pitch."""
    folder = root / "SpeechCommands" / release
    val, test = [], []
    for pitch, (word, count) in enumerate(WORDS.items(), start=1):
        (folder / word).mkdir(parents=True)
        for i in range(count):
            seconds = 0.8 if i == 0 else 1.0
            tone = np.sin(np.arange(int(16000 * seconds)) * 0.05 * pitch) * (0.2 + 0.1 * i)
            soundfile.write(folder / word / f"{i:08x}_nohash_{i % 2}.wav", tone.astype(np.float32), 16000, "PCM_16")
        names = [f"{word}/{i:08x}_nohash_{i % 2}.wav" for i in range(count)]
        val.append(names[-1])
        test.append(names[-2])
    (folder / "_background_noise_").mkdir()
    soundfile.write(folder / "_background_noise_" / "pink_noise.wav", np.zeros(48000, np.float32), 16000)
    (folder / "validation_list.txt").write_text("".join(f"{name}\n" for name in val))
    (folder / "testing_list.txt").write_text("".join(f"{name}\n" for name in test))
    (folder / "README.md").write_text("words\n")
    return folder


@pytest.fixture
def folder(tmp_path):
    return write_release(tmp_path / "data")


@pytest.fixture
def spoken(space, folder):
    return replace(space, data_root=folder.parents[1])


def job(*words, modality="av"):
    return Job("dave", modality, 1, 0, "smoke", "stavis", (*TINY, *(words or ON_WORDS)))


def test_the_real_layout_is_read_part_by_part(folder):
    root = folder.parents[1]
    assert words_of(root, RELEASE) == ("bed", "cat", "yes")
    parts = {part: read_utterances(root, RELEASE, part) for part in ("train", "val", "test")}
    assert {part: len(found) for part, found in parts.items()} == {"train": 7, "val": 3, "test": 3}
    keys = [one.key for found in parts.values() for one in found]
    assert len(keys) == len(set(keys)) == sum(WORDS.values())
    assert [(one.key, one.word) for one in parts["val"]][1] == ("cat/00000003_nohash_1.wav", 1)
    assert all(one.path.is_file() for found in parts.values() for one in found)


def test_a_recording_is_its_first_second_and_silence_after_a_shorter_one(folder):
    short, whole = (read_second(folder / "bed" / f"{i:08x}_nohash_{i % 2}.wav", 16000) for i in (0, 1))
    assert short.shape == whole.shape == (16000,)
    assert not short[12800:].any()
    assert short[:12800].any()
    assert whole[12800:].any()
    long = folder / "bed" / "long.wav"
    soundfile.write(long, np.ones((8000 * 3, 2), np.float32) * 0.5, 8000)
    assert read_second(long, 16000).shape == (16000,)
    assert torch.allclose(read_second(long, 16000)[2000:14000], torch.tensor(0.5), atol=0.01)


def test_batches_have_sixteen_patches_and_each_recording_once_an_epoch(folder):
    net = create_model("dave", **{**model_entry("dave").tiny, "modality": "a", "words": 3})
    data = WordDataModule(WordConfig(folder.parents[1], RELEASE, batch_size=3), net.spec.audio)
    assert data.epoch_counts() == [1] * 7
    seen = [key for batch in data.train_dataloader() for key in batch["video"]]
    assert len(seen) == len(set(seen)) == 6, "whole steps"
    batch = next(iter(data.val_dataloader()))
    assert batch["audio"].shape == (3, 3, net.spec.frames, 64, 64)
    assert batch["word"].tolist() == [0, 1, 2]
    assert net.name_words(batch["audio"]).shape == (3, 3)


def test_the_network_of_words_names_words_and_nothing_else():
    tiny = model_entry("dave").tiny
    net = create_model("dave", **{**tiny, "modality": "a", "words": 4})
    assert {name for name, _ in net.named_children()} == {"audio_branch", "classifier"}
    with pytest.raises(ValueError, match="gives no maps"):
        net(torch.zeros(1, 3, *(net.spec.frames, *net.spec.size)), net.spec.audio(torch.zeros(16000))[None])
    for wrong in ({"words": 4, "modality": "av"}, {"words": -1, "modality": "a"}):
        with pytest.raises(ValueError, match="dave takes words of 1 or more, with modality 'a' alone"):
            create_model("dave", **{**tiny, **wrong})


def test_the_stage_starts_the_sound_of_jobs_that_hear_and_is_shared_by_them(spoken):
    heard = {}
    for modality in ("av", "a"):
        one = job(modality=modality)
        check_recipe(one, one.recipe(spoken))
        words, davos = trainings(one, one.recipe(spoken), spoken)
        check_parts([words, davos])
        assert davos.before is None, "the network of maps does not go on from it whole"
        assert davos.parts["audio_branch"] == (words, "audio_branch")
        heard[modality] = words.folder
    assert heard["av"] == heard["a"]
    seeing = job(modality="v")
    check_recipe(seeing, seeing.recipe(spoken))
    (davos,) = trainings(seeing, seeing.recipe(spoken), spoken)
    assert not davos.parts


def test_plans_needs_and_records_tell_it(spoken):
    one = job()
    recipe = one.recipe(spoken)
    stages = trainings(one, recipe, spoken)
    needs = Needs(spoken)
    needs_of_network(Context(one, recipe, spoken, None), stages, [], needs)
    assert not needs.wrong
    assert stage_clips(recipe.stages[-2] if recipe.stages[-1].name == "davos" else recipe.stages[-1], 1, spoken) == [
        7,
        7,
    ]
    told = learnt_by(one, recipe, spoken, "synth")
    assert told.weights["stage words"] == (RELEASE,)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda f: (f / "testing_list.txt").unlink(), "testing_list.txt is missing, which says what is not trained on"),
        (lambda f: (f / "cat/00000003_nohash_1.wav").unlink(), "validation_list.txt:2: no "),
        (lambda f: (f / "validation_list.txt").write_text("../../x_nohash_0.wav\n"), "validation_list.txt:1: expected"),
        (
            lambda f: (f / "validation_list.txt").write_text("bed/../a_nohash_0.wav\n"),
            "validation_list.txt:1: expected",
        ),
        (lambda f: (f / "validation_list.txt").write_text("\n"), "validation_list.txt:1: expected <word>/<speaker>"),
        (lambda f: (f / "validation_list.txt").write_text(""), "no recordings of the part val"),
        (lambda f: (f / "dog").mkdir(), "4 folders of words, and the network tells 3 apart"),
        (lambda f: f.rename(f.with_name("speech_commands_v0.03")), "tar -xzf speech_commands_v0.02.tar.gz -C"),
    ],
)
def test_what_is_wrong_on_the_disk_is_told_before_anything_is_trained(spoken, folder, spoil, told):
    spoil(folder)
    one = job()
    needs = Needs(spoken)
    needs_of_network(
        Context(one, one.recipe(spoken), spoken, None), trainings(one, one.recipe(spoken), spoken), [], needs
    )
    assert any(told in text for text in needs.wrong), needs.wrong


def test_all_sets_that_are_missing_are_told_at_once(space, tmp_path):
    away = replace(space, data_root=tmp_path)
    one = Job("dave", "av", 1, 0, "paper", "stavis")
    needs = Needs(away)
    with needs.noted():
        NetworkJob().needs(Context(one, one.recipe(away), away, Machine(devices=1, workers=0)), [], needs)
    told = "\n".join(needs.wrong)
    assert all(f"{name}: no " in told for name in ("diem", "coutrot1", "coutrot2", "salicon", "speech_commands_v0.01"))


def test_wavs_that_are_none_are_told(folder):
    path = folder / "bed" / "broken_nohash_0.wav"
    path.write_bytes(b"no wav at all")
    with pytest.raises(ValueError, match=r"broken_nohash_0\.wav: no wav that can be read"):
        read_second(path, 16000)
    soundfile.write(path, np.full(16000, np.nan, np.float32), 16000, "FLOAT")
    with pytest.raises(ValueError, match="samples that are no numbers"):
        read_second(path, 16000)
    with pytest.raises(FileNotFoundError, match="no data root"):
        check_release(None, RELEASE, 3)
    with pytest.raises(ValueError, match="release of Speech Commands"):
        check_release(folder.parents[1], "speech_commands", 3)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"utterances": ""}, "training: words and utterances go together"),
        ({"training": "clips"}, "training: words and utterances go together"),
        ({"utterances": "speech_commands_v0.20"}, "speech_commands_v0.02"),
        ({"data": ["synth"]}, "words learns from utterances alone"),
        ({"modality": "av"}, "words learns from utterances alone"),
    ],
)
def test_stages_that_do_not_fit_together_are_told(spoken, changes, told):
    words = f"stages.words={json.dumps({**STAGE, **changes})}"
    with pytest.raises(ValueError, match="preset smoke") as error:
        job(words).recipe(spoken)
    assert told in str(error.value)


def test_a_network_that_names_no_words_is_told(spoken):
    recipe = job(f"stages.words={json.dumps({**STAGE, 'options': {}})}").recipe(spoken)
    stage = next(one for one in recipe.stages if one.name == "words")
    with pytest.raises(ValueError, match="names no words"):
        build_module(stage, "dave", {**model_entry("dave").tiny, "modality": "a"}, 0)


def test_the_preset_of_the_paper_has_it_and_those_of_the_suite_do_not():
    stages = {stage.name: stage for stage in load_recipe(resource("recipes"), "dave", "paper").stages}
    assert stages["words"].utterances == "speech_commands_v0.01"
    assert stages["words"].start == {"audio_branch": "resnet18_kinetics"}
    assert stages["davos"].start["audio_branch"] == "words.audio_branch"
    smoke = load_recipe(resource("recipes"), "dave", "smoke")
    assert [stage.name for stage in smoke.stages] == ["davos"]
    assert "utterances" not in smoke.stages[0].plain()


@pytest.mark.slow
def test_words_then_maps_from_end_to_end_and_a_resume_is_the_same(spoken, tmp_path, monkeypatch):
    short = (*ON_WORDS, "stages.davos.epochs=1", "clips_per_video=1", "val_stride=32", 'sounds=["original"]')
    one, machine = job(*short), Machine(devices=1, workers=0)
    [path] = run_job(one, spoken, machine)
    fits = {fit["stage"]: fit for fit in read_record(path).provenance["fits"]}
    assert {"val/loss", "val/accuracy"} <= set(fits["words"]["curve"][-1])
    assert fits["davos"]["start"]["audio_branch"]["stage"] == "words"
    words, davos = trainings(one, one.recipe(spoken), spoken)
    assert of_training(davos, one, spoken)["words: sound"]
    whole = torch.load(words.folder / "last.ckpt", weights_only=True)["state_dict"]

    # The same run, killed in its second epoch, and started again.
    anew = replace(spoken, runs=tmp_path / "again", leaderboard=tmp_path / "board")
    first = trainings(one, one.recipe(anew), anew)[0]
    from avsal_bench.training.classifying.spoken_words import WordsModule

    step, calls = WordsModule.training_loss, []

    def dies(self, batch):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return step(self, batch)

    monkeypatch.setattr(WordsModule, "training_loss", dies)
    with pytest.raises(BaseException):  # noqa: B017, PT011  a signal, in whatever form Lightning hands it on
        run_job(one, anew, machine)
    assert (first.folder / "last.ckpt").is_file()
    assert not (first.folder / "done.json").is_file()
    run_job(one, anew, machine)
    resumed = torch.load(first.folder / "last.ckpt", weights_only=True)["state_dict"]
    assert all(torch.equal(resumed[key], whole[key]) for key in whole)
    assert Path(first.folder / "done.json").is_file()

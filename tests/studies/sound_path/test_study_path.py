"""`avsal study path`: what it takes, prints and writes; and a network of a record."""

import argparse
import csv

import pytest
import torch
from conftest import HOME, TINY
from predicted import write_checkpoint

from avsal_bench.bench.job import Job
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.run import run_job
from avsal_bench.bench.stages import trainings
from avsal_bench.bench.workspace import Workspace
from avsal_bench.cli.study.path import add_path
from avsal_bench.studies.sound_path.path_sources import of_record


@pytest.fixture
def study(synth_root, tmp_path):
    """As the command line does, but errors come through."""

    def run(*words):
        parser = argparse.ArgumentParser()
        add_path(parser.add_subparsers())
        folders = {"synth-root": synth_root, "runs": tmp_path / "runs", "leaderboard": tmp_path / "leaderboard"}
        given = [word for name, folder in folders.items() for word in (f"--{name}", str(folder))]
        args = parser.parse_args(["path", *map(str, words), *given])
        return args.function(args)

    return run


def test_a_checkpoint_is_followed(study, tmp_path, capsys):
    write_checkpoint(tmp_path / "mine.ckpt", "av")
    out = tmp_path / "path.csv"
    assert study("--weights", tmp_path / "mine.ckpt", "--windows", 2, "--batches", 1, "--depth", 1, "--csv", out) == 0
    told = capsys.readouterr().out
    assert told.startswith(f"avrsp_av, weights {tmp_path / 'mine.ckpt'} (")
    assert "swapped: the sound is" in told
    assert "muted: the sound is" in told
    assert "of the map (" in told
    with out.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["sound"] for row in rows} == {"swapped", "muted", "gradient"}
    heard = {row["part"] for row in rows if row["sound"] == "swapped"}
    assert heard == {"soundnet", "ravf", "mrg.0", "mrg.1", "mrg.2", "decoder", "map"}  # no s3d, aspp, lip, ms
    norms = {row["part"]: float(row["gradient"]) for row in rows if row["sound"] == "gradient"}
    assert norms["s3d"] > 0
    assert norms["soundnet"] > 0


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ([], "give a record, --weights or --untrained"),
        (["record.json", "--weights", "x.ckpt"], "one of them"),
        (["record.json", "--dataset", "synth"], "--dataset does not go with record.json"),
        (["record.json", "--set", "network.width=8"], "--set does not go with record.json"),
        (["--untrained", "--fold", "2"], "--fold does not go with --untrained"),
        (["--weights", "x.ckpt", "--preset", "smoke"], "--preset does not go with --weights"),
        (["--untrained"], "say which network with --model"),
        (["--untrained", "--model", "tasednet"], "tasednet"),
        (["record.json", "-o", "path.pdf"], "path.pdf: expected a name that ends in .png"),
        (["--weights", "nothing.ckpt"], "nothing.ckpt: no such file"),
        (["absent.json"], "absent.json"),
    ],
)
def test_bad_words(study, words, error):
    with pytest.raises((ValueError, OSError), match=error):
        study(*words)


def test_an_untrained_network_is_followed_by_its_recipe(study, capsys):
    words = [word for one in TINY for word in ("--set", one)]
    assert study("--untrained", "--model", "avrsp", *words, "--windows", 2, "--batches", 1, "--depth", 1) == 0
    told = capsys.readouterr().out
    assert told.startswith("avrsp_av, untrained, seed 0, on synth\n")
    assert "swapped: the sound is" in told


def test_a_network_without_sound_is_refused(study, tmp_path):
    write_checkpoint(tmp_path / "seen.ckpt", "v")
    with pytest.raises(ValueError, match="avrsp_v takes no sound"):
        study("--weights", tmp_path / "seen.ckpt")


@pytest.mark.slow
def test_the_network_of_a_record_and_its_own_loss_and_clips(study, synth_root, tmp_path, capsys):
    space = Workspace(HOME, None, synth_root, tmp_path / "runs", tmp_path / "leaderboard")
    words = (*TINY, "stages.audiovisual.epochs=1", "clips_per_video=1")
    job = Job("avrsp", "av", 1, 0, "smoke", "stavis", words, sounds=("original",))
    (record,) = run_job(job, space, Machine(devices=1, logger=("csv",)))
    source = of_record(record, space)
    assert source.module.loss == {"kl": 1.0, "cc": -0.1, "sim": -0.1}
    assert source.training.config.batch_size == 3  # all clips of an epoch, of a batch of 4
    checkpoint = trainings(job, job.recipe(space), space)[-1].best
    kept = torch.load(checkpoint, weights_only=True)["state_dict"]
    assert all(torch.equal(value, kept[f"net.{key}"]) for key, value in source.module.net.state_dict().items())
    assert study(record, "--windows", 2, "--batches", 1, "-o", tmp_path / "path.png") == 0
    assert (tmp_path / "path.png").is_file()
    assert "soundnet.conv1" in capsys.readouterr().out
    checkpoint.unlink()
    with pytest.raises(FileNotFoundError, match="its weights are gone"):
        study(record)

"""Tests of the plug-in: the network by itself, and all the way to a row of a leaderboard."""

import csv
import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
import torch

import avsal_bench
from avsal_bench.data.synth import make_synth
from avsal_bench.models import create_model
from avsal_bench.plugins import use_plugins

HERE = Path(__file__).resolve().parent
PLUGIN = HERE / "my_network.py"


@pytest.fixture(scope="module", autouse=True)
def _plugin():
    before = os.environ.copy()
    use_plugins([str(PLUGIN)])
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.parametrize("modality", ["v", "av"])
def test_a_batch_becomes_maps(modality):
    net = create_model("my_network", modality=modality, frames=4, size=(32, 48), width=4)
    audio = net.spec.audio(torch.rand(5000) - 0.5).expand(2, -1) if modality == "av" else None
    with torch.no_grad():
        maps = net.to_map(net(torch.rand(2, 3, 4, 32, 48), audio))
    assert maps.shape[0] == 2
    assert maps.ndim == 3
    assert 0 <= float(maps.min()) <= float(maps.max()) <= 1


def test_silence_and_no_sound_are_heard_as_numbers():
    front_end = create_model("my_network", frames=4).spec.audio
    assert front_end(torch.zeros(1)).tolist() == [-1.0] * 4
    assert front_end(torch.ones(400)).tolist() == [0.0] * 4


@pytest.mark.slow
def test_it_reaches_the_leaderboard(tmp_path):
    make_synth(tmp_path / "synth", videos=3)
    folders = {"synth-root": "synth", "runs": "runs", "leaderboard": "leaderboard"}
    options = [word for name, folder in folders.items() for word in (f"--{name}", str(tmp_path / folder))]
    command = [sys.executable, "-m", "avsal_bench.cli", "bench", "my_network", "--plugin", str(PLUGIN)]
    command += ["--preset", "smoke", "--modality", "av", "--workers", "1", "--set", "sounds=[original]"]
    command += ["--set", "stages.visual.epochs=1", "--set", "stages.audiovisual.epochs=1"]
    home = Path(avsal_bench.__file__).parents[1]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(home)}
    environment.pop("AVSAL_PLUGINS", None)
    done = subprocess.run([*command, *options], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    record = tmp_path / "leaderboard/records/stavis/synth/my_network_av-fold1-seed0.json"
    story = json.loads(record.read_text())["provenance"]
    digest = sha256(PLUGIN.read_bytes()).hexdigest()
    assert story["plugins"] == [{"name": "my_network", "version": "0.1", "sha256": digest}]
    assert "--plugin my_network.py" in story["command"]
    assert str(HERE) not in record.read_text(), "no folder of this machine"
    with (tmp_path / "leaderboard" / "leaderboard.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["model"] == "my_network"]
    assert {row["metric"] for row in rows} == {"CC", "NSS", "AUC-J", "sAUC", "SIM", "KL"}
    assert "my_network" in (tmp_path / "leaderboard" / "index.html").read_text()

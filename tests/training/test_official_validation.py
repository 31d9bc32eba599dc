"""A stage with ``validation: official``: fitted on all training videos of DHF1K, steered by the part made for it."""

import json

import pytest
import torch
from conftest import TINY

from avsal_bench.bench.job import Job
from avsal_bench.bench.stages import trainings
from avsal_bench.bench.workspace import Workspace
from avsal_bench.cli.app import main

STAGE = "stages.visual={data: [dhf1k], epochs: 3, modality: v, validation: official, start: null}"


@pytest.mark.slow
def test_the_official_part_of_dhf1k_steers_the_rate_and_the_record_says_so(real_root, synth_root, tmp_path):
    """As AVRSP trains: the rate is halved after each epoch whose validation loss is no better (patience 0 here)."""
    settings = (*TINY, STAGE, "stages.audiovisual.epochs=1", "schedule={name: plateau, factor: 0.5, patience: 0}")
    folders = {"data-root": real_root, "synth-root": synth_root}
    folders |= {name: tmp_path / name for name in ("runs", "leaderboard")}
    words = [word for name, folder in folders.items() for word in (f"--{name}", str(folder))]
    words += [word for setting in settings for word in ("--set", setting)]
    assert main(["run", "avrsp", "--preset", "smoke", "--fold", "1", "--workers", "0", *words]) == 0

    record = json.loads((tmp_path / "leaderboard/records/stavis/synth/avrsp_av-fold1-seed0.json").read_text())
    visual = [one for one in record["provenance"]["trained_on"]["sets"] if one["stage"] == "visual"]
    assert [(one["set"], one["part"], one["use"], one["videos"]) for one in visual] == [
        ("dhf1k", "train", "fit", 3),
        ("dhf1k", "test", "validation", 1),
    ]

    job = Job("avrsp", "av", 1, 0, "smoke", "stavis", settings)
    space = Workspace(tmp_path, real_root, synth_root, tmp_path / "runs", tmp_path / "leaderboard")
    first = trainings(job, job.recipe(space), space)[0]
    kept = torch.load(first.folder / "last.ckpt", weights_only=False)
    losses = _losses(first.folder)
    best, halvings = losses[0], 0
    for loss in losses[1:]:
        halvings += loss >= best * (1 - 1e-4)
        best = min(best, loss)
    rates = {group["name"]: group["lr"] for group in kept["optimizer_states"][0]["param_groups"]}
    assert len(losses) == 3
    assert rates[""] == pytest.approx(2.0e-3 * 0.5**halvings)


def _losses(folder):
    header, *lines = (folder / "log/version_0/metrics.csv").read_text().splitlines()
    at = header.split(",").index("val/loss")
    return [float(cell) for cell in (line.split(",")[at] for line in lines) if cell]

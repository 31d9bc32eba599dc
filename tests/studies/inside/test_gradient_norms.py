"""Norms of the gradient: kept by trainings, read from records, drawn; and told by name where they are missing."""

import csv
import dataclasses

import numpy as np
import pytest
import torch
from lightning import LightningModule, Trainer
from made_records import make, save
from PIL import Image
from torch import nn

from avsal_bench.bench.callbacks import Curve
from avsal_bench.cli import main


class Straight(LightningModule):
    """Loss ``w x`` of each batch: the gradient of w is the mean of its x."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(1))
        self.unused = nn.Parameter(torch.zeros(3))

    def training_step(self, batch, index):
        return (self.w * batch).mean()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fitted(tmp_path, **options):
    curve = Curve()
    trainer = Trainer(
        max_epochs=2,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[curve],
        default_root_dir=tmp_path,
        **options,
    )
    trainer.fit(Straight(), torch.utils.data.DataLoader(torch.tensor([2.0, 4.0, 8.0, 10.0]), batch_size=1))
    return [point["grad_norm"] for point in curve.points]


@pytest.mark.filterwarnings("ignore")
def test_an_epoch_keeps_the_mean_norm_of_its_steps_before_clipping(tmp_path):
    assert fitted(tmp_path) == pytest.approx([6, 6])
    assert fitted(tmp_path, gradient_clip_val=0.5) == pytest.approx([6, 6])
    assert fitted(tmp_path, accumulate_grad_batches=2) == pytest.approx([6, 6]), "(3 + 9) / 2: of steps, not of batches"


def record(norms, model="mspi-s3d", stage="six", **changes):
    curve = [{"epoch": n, "train/loss": 1.0, "grad_norm": norm} for n, norm in enumerate(norms, start=1)]
    story = {"version": "0.1.0", "fits": [{"stage": "first", "curve": []}, {"stage": stage, "curve": curve}]}
    return dataclasses.replace(make([0.5], model=model, modality="av"), provenance=story, **changes)


def written(folder, one):
    [path] = (save(folder, [one]) / "records").rglob("*.json")
    return path


def study(*words):
    return main(["study", "gradients", *map(str, words)])


def test_trainings_side_by_side_are_told_by_their_rows(tmp_path, capsys):
    paths = [written(tmp_path / f"lambda-{n}", record([9.0 / (n + k + 1) for k in range(25)])) for n in range(2)]
    out, table = tmp_path / "norms.png", tmp_path / "norms.csv"
    assert study(*paths, "-o", out, "--csv", table) == 0
    said = capsys.readouterr().out
    for n in range(2):
        assert f"mspi-s3d_av, lambda-{n}" in said
    lines = list(csv.DictReader(table.open(encoding="utf-8")))
    assert len(lines) == 40, "the first 20 epochs of two"
    assert lines[1] == {"training": "mspi-s3d_av, lambda-0", "stage": "six", "epoch": "2", "grad_norm": "4.5"}
    assert np.asarray(Image.open(out).convert("L")).std() > 5
    assert study(paths[0], "--epochs", 3) == 0
    assert " 3 " in capsys.readouterr().out


def test_what_is_missing_is_told_by_file(tmp_path, capsys):
    one = written(tmp_path / "a", record([1.0]))
    older = written(tmp_path / "b", record([]))
    untrained = written(tmp_path / "c", make([0.5]))
    for words, error in [
        ([older], f"{older}: stage 'six' was trained before norms of the gradient were kept; train it anew"),
        ([untrained], f"{untrained}: tells of no training"),
        ([one, "--stage", "sixx"], "unknown stage 'sixx'; did you mean 'six'"),
        ([one, one], "is given twice"),
        (["nowhere.json"], "no file nowhere.json"),
        ([one, "-o", "norms.pdf"], "norms.pdf: expected a name that ends in .png"),
        ([f"{tmp_path}/{n}.json" for n in range(11)], "11 records; at most 10"),
    ]:
        assert study(*words) == 2, words
        said = capsys.readouterr().err
        assert error in said
        assert said.count("\n") == 1

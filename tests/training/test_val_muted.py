"""The recipe key `val_muted`: validation tells the CC with the sound muted, too, and nothing else changes."""

import json
import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from conftest import TINY
from lightning import Trainer
from made_boards import rich_record
from made_records import save
from tiny_networks import build, create_tiny

from avsal_bench.bench.callbacks import Curve
from avsal_bench.bench.context import Context
from avsal_bench.bench.fit import read_story, training_data
from avsal_bench.bench.job import Job
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.plan import make_plan
from avsal_bench.bench.run import run_job
from avsal_bench.bench.stages import trainings
from avsal_bench.data.clips.data_config import DataConfig
from avsal_bench.data.clips.datamodule import SaliencyDataModule
from avsal_bench.leaderboard.page.board import read_board
from avsal_bench.leaderboard.page.panels import parts
from avsal_bench.models.base import Network
from avsal_bench.spec import ClipSpec
from avsal_bench.training.module import SaliencyModule
from avsal_bench.training.recipe import Recipe
from avsal_bench.training.stage import LATE_KEYS, Stage
from avsal_bench.training.validation_scores import ValidationScores


def job(*more, modality="av"):
    return Job("avrsp", modality, 1, 0, "smoke", "stavis", (*TINY, "val_muted=false", *more))


def validated(module, root, folder, **options):
    options = {"test_batch_size": 4, "val_stride": 40} | options
    data = SaliencyDataModule(DataConfig({"synth": root}, **options), module.net.spec)
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    (found,) = Trainer(default_root_dir=folder, **quiet).validate(module, data, verbose=False)
    return found


# what is told


@pytest.mark.parametrize("name", ["avrsp", "caspnet", "avc"])
def test_the_muted_cc_is_that_of_a_validation_that_hears_silence(name, synth_root, tmp_path):
    module = SaliencyModule(build(name, "av")).eval()
    found = validated(module, synth_root, tmp_path, val_muted=True)
    true, silent = (validated(module, synth_root, tmp_path, hears=sound) for sound in ("original", "muted"))
    assert found.keys() == {"val/loss", "val/cc", "val/cc_muted"}
    assert true.keys() == {"val/loss", "val/cc"}
    # What is shared between windows and sounds is found in another order of sums.
    assert [found["val/loss"], found["val/cc"]] == pytest.approx([true["val/loss"], true["val/cc"]], abs=2e-5)
    assert found["val/cc_muted"] == pytest.approx(silent["val/cc"], abs=2e-5)
    assert validated(module, synth_root, tmp_path, val_muted=True) == found, "nothing is left of a validation before"


class Deaf(Network):
    """A network that is given sound and does not use it."""

    def __init__(self, spec):
        super().__init__()
        self.spec = spec
        self.conv = torch.nn.Conv3d(3, 1, 3, padding=1)

    def forward(self, frames, audio=None):
        return self.conv(frames)[:, 0, -1].square()


def test_of_a_network_that_does_not_hear_both_are_the_same_to_the_last_digit(synth_root, tmp_path):
    spec = create_tiny("avrsp", "av").spec
    found = validated(SaliencyModule(Deaf(spec)).eval(), synth_root, tmp_path, val_muted=True)
    assert found["val/cc_muted"] == found["val/cc"]


def test_a_network_without_sound_has_no_muted_cc(synth_root, tmp_path):
    spec = ClipSpec(4, (32, 32))
    found = validated(SaliencyModule(Deaf(spec)).eval(), synth_root, tmp_path, val_muted=True)
    assert found.keys() == {"val/loss", "val/cc"}


def test_a_video_without_a_defined_muted_score_is_not_logged_as_none():
    scores = ValidationScores(["synth/a"])
    batch = {"dataset": ["synth"], "video": ["a"], "frame": [1], "density": torch.rand(1, 4, 4), "fixated": None}
    scores.add(torch.rand(1, 4, 4), None, batch)
    assert scores.told().keys() == {"val/cc"}
    scores.reset()
    scores.add(torch.rand(1, 4, 4), torch.zeros(1, 4, 4), {**batch, "density": torch.zeros(1, 4, 4)})
    (name, value), *rest = scores.told().items()
    assert (name, rest) == ("val/cc", [])
    assert math.isnan(value)


# the batches, the curve, the page


def test_only_windows_to_validate_on_bring_silence(synth_root):
    spec = create_tiny("avrsp", "av").spec
    data = SaliencyDataModule(DataConfig({"synth": synth_root}, batch_size=2, val_stride=40, val_muted=True), spec)
    assert "others" not in next(iter(data.train_dataloader()))
    assert "others" not in next(iter(data.predict_dataloader()))
    batch = next(iter(data.val_dataloader()))
    silence = spec.audio(torch.zeros(1))
    assert torch.equal(batch["others"][:, 0], silence.expand_as(batch["audio"]))
    assert "others" not in next(iter(replace_config(data, val_muted=False).val_dataloader()))


def replace_config(data, **changes):
    return SaliencyDataModule(replace(data.config, **changes), data.spec)


def test_the_curve_keeps_what_validation_told():
    curve = Curve()
    curve.losses, curve.lr = [1.0], 0.1
    told = {"val/loss": 0.5, "val/cc": 0.4, "val/cc_muted": 0.3, "test/cc": 0.9}
    trainer = SimpleNamespace(
        callback_metrics={name: torch.tensor(value) for name, value in told.items()},
        strategy=SimpleNamespace(reduce=lambda value, reduce_op: value),
        current_epoch=0,
    )
    curve.on_train_epoch_end(trainer, SimpleNamespace(device="cpu"))
    (point,) = curve.points
    assert point.keys() == {"epoch", "train/loss", "val/loss", "val/cc", "val/cc_muted", "lr"}
    assert point["val/cc_muted"] == pytest.approx(0.3)


@pytest.mark.slow
def test_a_stage_keeps_it_and_is_trained_as_without(space):
    short = ("stages.visual=null", "clips_per_video=1", "stages.audiovisual.epochs=1")
    story, weights = {}, {}
    for word in ("val_muted=true", "val_muted=false"):
        one = replace(job(*short, word), train_only=True)
        run_job(one, space, Machine(devices=1, workers=0))
        (training,) = trainings(one, one.recipe(space), space)
        (story[word],) = read_story(training.folder)["curve"]
        weights[word] = torch.load(training.best, weights_only=True)["state_dict"]
    told, other = story.values()
    assert told.keys() - other.keys() == {"val/cc_muted"}
    assert math.isfinite(told["val/cc_muted"])
    assert [told[name] for name in other] == pytest.approx(list(other.values()), abs=2e-5)
    for name, value in weights["val_muted=true"].items():
        assert torch.equal(value, weights["val_muted=false"][name]), name


def test_the_page_draws_it(tmp_path):
    record = rich_record("toy", "av", "avad", 1, 0, 0.5, 4)
    fits = record.provenance["fits"]
    curve = [{**point, "val/cc_muted": 0.25} for point in fits[-1]["curve"]]
    heard = replace(record, provenance={**record.provenance, "fits": [fits[0], {**fits[-1], "curve": curve}]})
    shared = dict(parts(read_board(save(tmp_path, [heard]))))["shared"]
    first, last = (fit["curves"] for fit in shared["fits"])
    assert "val/cc_muted" not in first
    assert set(last["val/cc_muted"]) == {0.25}
    assert last.keys() - first.keys() == {"val/cc_muted"}


# the recipe


def test_the_recipe_says_it_to_the_data(space):
    for word, kept in {"": False, "stages.audiovisual.val_muted=true": True}.items():
        one = job(*[word] if word else [])
        recipe = one.recipe(space)
        context = Context(one, recipe, space, Machine(devices=1, workers=0))
        spec = create_tiny("avrsp", "av").spec
        assert [training_data(context, stage, spec).config.val_muted for stage in recipe.stages] == [False, kept]


def test_what_does_not_name_it_is_what_it_was(space):
    assert "val_muted" in LATE_KEYS
    assert "val_muted" not in Stage("one", ("synth",), 1, val_muted=False).plain()
    before, told = job().recipe(space), job("val_muted=true").recipe(space)
    assert before == job("val_muted=false").recipe(space)
    assert all("val_muted" not in stage for stage in before.plain()["stages"])
    assert all(stage["val_muted"] is True for stage in told.plain()["stages"])
    for recipe in (before, told):
        assert Recipe.from_plain(json.loads(json.dumps(recipe.plain()))) == recipe


def test_what_hears_nothing_is_the_same_stage(space):
    def folders(one):
        return [training.folder.name for training in trainings(one, one.recipe(space), space)]

    without, told = folders(job()), folders(job("val_muted=true"))
    assert without[0] == told[0]
    assert without[1] != told[1]
    assert folders(job(modality="v")) == folders(job("val_muted=true", modality="v"))


def test_another_word_is_an_error(space):
    with pytest.raises(ValueError, match=r"avrsp\.yaml, preset smoke: .*val_muted.*sometimes"):
        make_plan(space, ["avrsp"], "smoke", "stavis", overrides=["val_muted=sometimes"])

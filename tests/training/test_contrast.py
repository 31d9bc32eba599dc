"""Training that asks for the sound: what a clip must lose with the sound of another one."""

from types import SimpleNamespace

import pytest
import torch
from conftest import TINY

from avsal_bench.audio.waveform import Waveform
from avsal_bench.bench.job import Job
from avsal_bench.data.clips.data_config import DataConfig
from avsal_bench.data.clips.datamodule import SaliencyDataModule
from avsal_bench.files import fingerprint
from avsal_bench.models import model_entry
from avsal_bench.spec import ClipSpec
from avsal_bench.training.building import MODULES, build_module, check_stage
from avsal_bench.training.contrast import ContrastModule
from avsal_bench.training.stage import Stage
from avsal_bench.training.tasks import Contrast

OPTIONS = {**model_entry("avrsp").tiny, "frames": 8, "size": [64, 64], "width": 8, "backbone_width": 0.125}


def stage(**more):
    return Stage("one", ("synth",), 3, **{"training": "contrast", **more})


def module(**more):
    torch.manual_seed(0)
    built = build_module(stage(**more), "avrsp", {**OPTIONS, "modality": "av"}, 0)
    assert isinstance(built, ContrastModule)
    built._clock = (0, 3)
    return built


@pytest.fixture(scope="module")
def batch(synth_root):
    data = SaliencyDataModule(DataConfig({"synth": synth_root}, batch_size=4), module().net.spec)
    return next(iter(data.train_dataloader()))


def losses(built, batch):
    """The loss, and that without the contrast."""
    torch.manual_seed(1)
    found = built.training_loss(batch)
    built.contrast = Contrast(weight=1e-30)
    return found.item(), built.training_loss(batch).item()


def test_a_network_that_ignores_the_sound_lacks_the_whole_margin(batch):
    deaf = module(contrast={"weight": 2.0, "margin": 0.25})
    for parameter in deaf.net.ravf.blocks[-1].norm2.parameters():
        torch.nn.init.zeros_(parameter)
    with_contrast, without = losses(deaf.eval(), batch)
    assert with_contrast - without == pytest.approx(2.0 * 0.25, abs=1e-5)


def test_the_gradient_reaches_the_sound_and_asks_for_another_map_with_another_sound(batch):
    built = module(contrast={"weight": 1.0, "margin": 1.0}).eval()
    torch.manual_seed(1)
    (
        built.training_loss(batch)
        - built.outputs_loss(built.net.outputs(built.normalised(batch), batch["audio"]), batch)
    ).backward()
    assert max(p.grad.abs().max() for p in built.net.soundnet.parameters() if p.grad is not None) > 0


def test_clips_that_lose_more_than_the_margin_ask_for_nothing(batch, monkeypatch):
    built = module(contrast={"weight": 1.0, "margin": 0.3})
    given = iter((torch.full((4,), 0.9), torch.full((4,), 0.2)))
    monkeypatch.setattr(built, "_cc", lambda output, batch: next(given))
    torch.manual_seed(1)
    before = built.net.state_dict().copy()
    found = built.eval().training_loss(batch).item()
    again = module().eval()
    again.net.load_state_dict(before)
    assert found == again.outputs_loss(again.net.outputs(again.normalised(batch), batch["audio"]), batch).item()


def test_its_weight_falls_to_nothing_in_the_last_epoch():
    built, weights = module(contrast={"weight": 0.6}), []
    for epoch in range(3):
        built._clock = (epoch, 3)
        weights.append(built.contrast_weight)
    assert weights == pytest.approx([0.6, 0.3, 0.0])
    built._clock = (0, 1)
    assert built.contrast_weight == 0.6


def test_one_clip_has_no_other_sound(batch):
    built = module().eval()
    alone = {key: value[:1] if value is not None else None for key, value in batch.items()}
    assert (
        built.training_loss(alone).item()
        == built.outputs_loss(built.net.outputs(built.normalised(alone), alone["audio"]), alone).item()
    )
    built._trainer = SimpleNamespace(datamodule=SimpleNamespace(config=SimpleNamespace(batch_size=1)))
    with pytest.raises(ValueError, match="training: contrast swaps the sounds of a batch"):
        built.setup("fit")


def test_a_stage_on_silence_has_nothing_to_tell_apart(batch):
    built = module().eval()
    silent = {**batch, "audio": torch.zeros_like(batch["audio"])}
    plain = built.outputs_loss(built.net.outputs(built.normalised(silent), silent["audio"]), silent)
    assert built.training_loss(silent).item() == plain.item()


def test_a_network_without_sound_is_trained_as_without_it(synth_root):
    spec = ClipSpec(8, (64, 64), target="last")
    data = SaliencyDataModule(DataConfig({"synth": synth_root}, batch_size=4), spec)
    batch = next(iter(data.train_dataloader()))
    found = []
    for training in ("contrast", "clips"):
        torch.manual_seed(0)
        built = build_module(stage(training=training), "avrsp", {**OPTIONS, "modality": "v"}, 0)
        built._clock = (0, 3)
        found.append(built.training_loss(batch).item())
    assert found[0] == found[1]


def test_the_recipe_says_it(space):
    words = (*TINY, "stages.audiovisual.training=contrast", "stages.audiovisual.contrast={weight: 1, margin: 0.2}")
    recipe = Job("avrsp", "av", 1, 0, "smoke", "stavis", words).recipe(space)
    last = recipe.stages[-1]
    assert (last.training, dict(last.contrast)) == ("contrast", {"weight": 1, "margin": 0.2})
    assert last.plain()["contrast"] == {"weight": 1, "margin": 0.2}
    assert MODULES[last.training] is ContrastModule
    check_stage(last, "avrsp", {**OPTIONS, "modality": "av"})


@pytest.mark.parametrize(
    ("word", "error"),
    [
        ("contrast={weight: 0}", "contrast: weight should be greater than 0; got 0"),
        ("contrast={margin: 2}", "contrast: margin should be"),
        ("contrast={margins: 1}", "margins"),
        ("training=clips", "contrast is of training: contrast, and not of clips"),
    ],
)
def test_what_it_cannot_be_is_told_at_once(space, word, error):
    shared = ("training=contrast", "contrast={weight: 1}")
    with pytest.raises(ValueError, match=error):
        Job("avrsp", "av", 1, 0, "smoke", "stavis", (*TINY, *shared, word)).recipe(space)


def test_stages_that_do_not_name_it_are_what_they_were():
    assert fingerprint(Stage("one", ("synth",), 1).plain())[:12] == "e3ca8ab51b91"
    assert Waveform(8).samples == 17640  # what the network of these tests hears

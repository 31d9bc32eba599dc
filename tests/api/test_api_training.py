"""A user's module of a few lines: trained, validated, tested and loaded again with Lightning alone."""

import math

import numpy as np
import pytest
import torch
from conftest import write_set
from lightning import Trainer
from torch import nn

import avsal_bench
from avsal_bench import ClipSpec, DataConfig, SaliencyDataModule, SaliencyModule
from avsal_bench.audio import LogMel
from avsal_bench.metrics import functional
from avsal_bench.models.registry import create_model
from avsal_bench.training import as_network


class Mine(nn.Module):
    """No class of this package: what a newcomer writes first."""

    def __init__(self):
        super().__init__()
        self.spec = ClipSpec(frames=2, size=(24, 32))
        self.conv = nn.Conv3d(3, 1, (2, 5, 5), padding=(0, 2, 2))

    def forward(self, frames):
        """``(B, 3, 2, 24, 32)`` to ``(B, 24, 32)``."""
        return self.conv(frames)[:, 0, 0].sigmoid()


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("etmd")
    write_set(folder, "ETMD_av", ("_1",), n_frames=12)
    return folder


def trainer(folder, **options):
    return Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        **options,
    )


@pytest.mark.filterwarnings("ignore")
def test_fit_validate_test_and_load_again(root, tmp_path):
    torch.manual_seed(0)
    net = Mine()
    module = SaliencyModule(net, loss={"kl": 1.0, "nss": -0.1}, optimizer={"name": "adam", "lr": 1e-2})
    data = SaliencyDataModule(
        DataConfig({"etmd": str(root)}, batch_size=2, clips_per_video=2, val_stride=4, fixations=True), net.spec
    )
    before = net.conv.weight.clone()
    run = trainer(tmp_path)
    run.fit(module, datamodule=data)
    assert not torch.equal(net.conv.weight, before)
    assert {"train/loss", "val/loss", "val/cc"} <= run.callback_metrics.keys()
    (validated,) = run.validate(module, datamodule=data, verbose=False)
    (tested,) = run.test(module, datamodule=data, verbose=False)
    assert validated.keys() == {"val/loss", "val/cc"}
    assert tested.keys() == {"test/cc", "test/sim", "test/nss", "test/auc_j", "test/kl"}
    batch = next(iter(data.test_dataloader()))
    with torch.no_grad():
        maps = torch.cat([module(batch) for batch in data.test_dataloader()])
    truth = torch.cat([batch["density"] for batch in data.test_dataloader()])
    assert tested["test/cc"] == pytest.approx(functional.cc(maps, truth).double().mean().item(), abs=1e-6)
    assert tuple(batch["fixated"].shape) == (8, 24, 32)
    assert next(iter(data.predict_dataloader()))["density"] is None
    predicted = run.predict(module, datamodule=data)
    torch.testing.assert_close(torch.cat(predicted), maps)

    run.save_checkpoint(tmp_path / "mine.ckpt")
    again = SaliencyModule.load_from_checkpoint(tmp_path / "mine.ckpt", model=Mine())
    assert torch.equal(again.net.module.conv.weight, net.conv.weight)
    assert again.loss == {"kl": 1.0, "nss": -0.1}
    with pytest.raises(ValueError, match=r"load it with SaliencyModule.load_from_checkpoint\(path, model=net\)"):
        SaliencyModule.load_from_checkpoint(tmp_path / "mine.ckpt")
    with pytest.raises(ValueError, match=r"holds the weights of a module of your own"):
        avsal_bench.predict(np.zeros((2, 8, 8, 3), np.uint8), tmp_path / "mine.ckpt")
    record = avsal_bench.evaluate(again, "etmd", data_root=root)
    assert (record.model, record.modality, record.weights["parameters"]) == ("Mine", "v", 151)


def test_a_network_of_the_registry_is_taken_by_its_name_or_as_it_is(tmp_path):
    net = create_model("centre")
    assert SaliencyModule(net).net is net is as_network(net)
    assert type(SaliencyModule("centre", {"sigma": 0.3}).net) is type(net)
    assert SaliencyModule("centre").hparams["model"] == "centre"
    assert SaliencyModule(net).hparams["model"] is None
    assert SaliencyModule(net).loss == {"kl": 1.0}


class NoForward(nn.Module):
    spec = ClipSpec(frames=1, size=(4, 4))


class NoClipSpec(nn.Module):
    spec = (1, 4, 4)

    def forward(self, frames):
        return frames


class FramesOnly(nn.Module):
    spec = ClipSpec(frames=1, size=(4, 4), audio=LogMel())

    def forward(self, frames):
        return frames


@pytest.mark.parametrize(
    ("model", "options", "error", "text"),
    [
        (nn.Linear(2, 2), {}, TypeError, "Linear has no `spec`; a network needs self.spec = ClipSpec"),
        (NoForward(), {}, TypeError, "NoForward has no `forward`; a network needs"),
        (NoClipSpec(), {}, TypeError, r"NoClipSpec has the spec \(1, 4, 4\), which is no ClipSpec"),
        (FramesOnly(), {}, TypeError, r"FramesOnly.forward takes the frames alone, and its spec has sound"),
        (Mine, {}, TypeError, "expected a network, an nn.Module"),
        (Mine(), {"options": {"width": 3}}, ValueError, "options are for a network of the registry"),
        ("centr", {}, ValueError, "unknown model 'centr'; did you mean 'centre'"),
        ("centre", {"loss": {"kll": 1.0}}, ValueError, "unknown loss term 'kll'; did you mean 'kl'"),
    ],
)
def test_what_a_module_lacks_is_said(model, options, error, text):
    with pytest.raises(error, match=text):
        SaliencyModule(model, **options)


def test_sound_comes_as_the_second_argument_and_a_channel_of_one_is_taken_off():
    class Hears(nn.Module):
        logits = True

        def __init__(self, audio):
            super().__init__()
            self.spec = ClipSpec(frames=1, size=(4, 4), audio=audio)

        def forward(self, frames, audio):
            return frames[:, :1, 0] + (0 if audio is None else audio.flatten(1).mean(1)[:, None, None, None])

    frames, sound = torch.zeros(2, 3, 1, 4, 4), torch.ones(2, 1, 5)
    net = as_network(Hears(LogMel()))
    torch.testing.assert_close(net.to_map(net(frames, sound)), torch.full((2, 4, 4), 1 / (1 + math.exp(-1))))
    assert as_network(Hears(None))(frames).shape == (2, 4, 4)


def test_a_map_of_its_own_making_is_used():
    mine = Mine()
    mine.to_map = lambda output: output.exp()
    assert torch.equal(as_network(mine).to_map(torch.zeros(1, 2, 2)), torch.ones(1, 2, 2))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"roots": {}}, "roots: expected the folder of each data set by its name"),
        ({"roots": "data"}, "roots: expected the folder"),
        ({"roots": {"synht": "data"}}, "unknown data set 'synht'; did you mean 'synth'"),
        ({"fold": 4}, "fold: expected 1, 2 or 3, got 4"),
        ({"batch_size": 0}, "batch_size: expected a whole number from 1, got 0"),
        ({"num_workers": 1.5}, "num_workers: expected a whole number from 0, got 1.5"),
        ({"flip": 2}, "flip: expected a probability from 0 to 1, got 2"),
        ({"val_fraction": 1.0}, "val_fraction: expected a part from 0 and below 1, got 1.0"),
        ({"sound": "loud"}, "sound: expected original or muted .*got 'loud'"),
        ({"teacher": "me"}, "teacher: expected density or pseudo, got 'me'"),
    ],
)
def test_a_field_that_cannot_be_meant_is_named(options, text):
    with pytest.raises(ValueError, match=text):
        DataConfig(**{"roots": {"synth": "data"}, **options})


def test_what_data_modules_and_tests_are_made_of_is_said(root, tmp_path):
    with pytest.raises(TypeError, match="the folder of synth should be a path, got 3"):
        DataConfig({"synth": 3})
    with pytest.raises(TypeError, match=r"SaliencyDataModule\(DataConfig.*got dict and ClipSpec"):
        SaliencyDataModule({"etmd": root}, Mine().spec)
    data = SaliencyDataModule(DataConfig({"etmd": root}, batch_size=1), Mine().spec)
    batch = next(iter(data.train_dataloader()))
    with pytest.raises(ValueError, match="the loss term nss needs to know the fixated pixels; give DataConfig"):
        SaliencyModule(Mine(), loss={"nss": -1.0}).training_loss(batch)
    with pytest.raises(ValueError, match=r"give Trainer\.test a SaliencyDataModule as datamodule"):
        trainer(tmp_path).test(SaliencyModule(Mine()), data.test_dataloader(), verbose=False)
    with pytest.raises(ValueError, match="optimizer: give its name"):
        SaliencyModule(Mine(), optimizer={"lr": 1.0}).configure_optimizers()

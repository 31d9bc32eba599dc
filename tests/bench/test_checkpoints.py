"""Checkpoints that are damaged, of something else, or lie in another folder than the one they were made in."""

import os
from types import SimpleNamespace

import pytest
import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import nn
from torch.utils.data import DataLoader

from avsal_bench.bench.checkpoints import BestCheckpoint, epochs_of, load_network, network_state
from avsal_bench.bench.fit import _finite, read_story


class Module(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Linear(2, 1)


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.fixture
def module():
    return Module()


def whole(module, **changes):
    parts = ("loops", "callbacks")
    lists = ("optimizer_states", "lr_schedulers")
    content = {"epoch": 2, "global_step": 9, "state_dict": module.state_dict()}
    content |= {name: {"fit_loop": {}} for name in parts} | {name: [] for name in lists}
    return {key: value for key, value in (content | changes).items() if value is not None}


@pytest.mark.parametrize(("name", "way"), [("last.ckpt", "remove it, and"), ("best.ckpt", "remove the folder")])
@pytest.mark.parametrize("damage", ["cut", "empty", "flipped", "text", "list", "bomb", "folder", "absent", "no state"])
def test_a_damaged_checkpoint_is_named_with_what_to_do(tmp_path, module, name, way, damage):
    path = tmp_path / name
    torch.save(whole(module), path)
    content = path.read_bytes()
    if damage in ("cut", "empty", "text"):
        path.write_bytes({"cut": content[: len(content) // 2], "empty": b"", "text": b"hello"}[damage])
    elif damage == "flipped":
        place = content.index(module.net.bias.detach().numpy().tobytes())
        path.write_bytes(content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :])
    elif damage in ("list", "no state"):
        torch.save([1] if damage == "list" else {"state_dict": [1]}, path)
    elif damage == "bomb":
        torch.save(whole(module, state_dict=Bomb(tmp_path / "ran")), path)
    else:
        path.unlink()
    if damage == "folder":
        path.mkdir()
    for use in (network_state, lambda path: load_network(module.net, path), lambda path: epochs_of(path, module)):
        with pytest.raises((ValueError, FileNotFoundError)) as raised:
            use(path)
        told = str(raised.value)
        assert str(path) in told
        assert damage == "folder" or way in told
        assert "weights_only" not in told
        assert "authors" not in told
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"epoch": None}, "no checkpoint to go on from (epoch missing)"),
        ({"optimizer_states": None, "loops": None}, "(loops, optimizer_states missing)"),
        ({"loops": {}}, "(loops is damaged)"),
        ({"loops": 5}, "(loops is damaged)"),
        ({"callbacks": []}, "(callbacks is damaged)"),
        ({"optimizer_states": {}}, "(optimizer_states is damaged)"),
        ({"epoch": "x"}, "epoch is 'x'"),
        ({"epoch": -1}, "epoch is -1"),
        ({"state_dict": {"net.weight": torch.zeros(1, 2)}}, "of another network (net.bias differs)"),
        ({"state_dict": {"net.weight": torch.zeros(3, 2), "net.bias": torch.zeros(1)}}, "(net.weight differs)"),
        ({"state_dict": {"net.weight": 5}}, "'net.weight' is no tensor"),
    ],
)
def test_a_training_goes_on_only_from_a_checkpoint_of_its_own(tmp_path, module, changes, told):
    path = tmp_path / "last.ckpt"
    torch.save(whole(module), path)
    assert epochs_of(path, module) == 3
    torch.save(whole(module, **changes), path)
    with pytest.raises(ValueError, match=r"last\.ckpt: .*; remove it, and the training starts at its first") as raised:
        epochs_of(path, module)
    assert told in str(raised.value)


def test_weights_of_another_network_or_not_finite_are_not_loaded(tmp_path, module):
    for state in ({"net.x": torch.zeros(1)}, {"net.weight": torch.full((1, 2), torch.nan), "net.bias": torch.zeros(1)}):
        torch.save({"state_dict": state}, tmp_path / "best.ckpt")
        with pytest.raises(ValueError, match=r"(?s)best\.ckpt: .*remove the folder"):
            load_network(module.net, tmp_path / "best.ckpt")


@pytest.mark.parametrize("kind", [ModelCheckpoint, BestCheckpoint])
def test_a_moved_folder_keeps_its_best_score(tmp_path, kind):
    before = kind(tmp_path / "a", "best", monitor="val/loss", save_last=True)
    before.best_model_score = before.current_score = torch.tensor(0.5)
    before.best_model_path = before.kth_best_model_path = str(tmp_path / "a" / "best.ckpt")
    before.best_k_models = {before.best_model_path: torch.tensor(0.5)}
    before.kth_value = torch.tensor(0.5)
    after = BestCheckpoint(tmp_path / "b", "best", monitor="val/loss", save_last=True)
    assert after.state_key == before.state_key
    after.load_state_dict(before.state_dict())
    assert after.best_model_score == 0.5
    assert after.best_model_path == str(tmp_path / "b" / "best.ckpt")
    assert list(after.best_k_models) == [after.best_model_path]
    alone = SimpleNamespace(strategy=SimpleNamespace(reduce_boolean_decision=bool))
    assert not after.check_monitor_top_k(alone, torch.tensor(0.7)), "a worse epoch does not take the place of the best"


@pytest.mark.parametrize("text", ["", "{", "[]", "nan", '{"a": 1', '"x"', "\x00"])
def test_a_damaged_story_of_a_stage_is_named(tmp_path, text):
    assert read_story(tmp_path) is None
    (tmp_path / "done.json").write_text(text)
    with pytest.raises(ValueError, match=r"done\.json: damaged .*; remove it, and the training goes on"):
        read_story(tmp_path)


def test_a_number_that_json_does_not_have_is_none(tmp_path):
    (tmp_path / "done.json").write_text('{"best_val_loss": NaN, "seconds": Infinity}')
    assert read_story(tmp_path) == {"best_val_loss": None, "seconds": None}
    assert _finite(None) is _finite(torch.tensor(torch.nan)) is None
    assert _finite(torch.tensor(0.5)) == 0.5


class Worsening(LightningModule):
    """Its validation loss rises from epoch to epoch."""

    def __init__(self):
        super().__init__()
        self.net = nn.Linear(2, 1)

    def training_step(self, batch, index):
        return self.net(batch).mean()

    def validation_step(self, batch, index):
        self.log("val/loss", float(self.current_epoch))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


def test_the_last_epoch_is_kept_where_an_earlier_one_was_the_best(tmp_path):
    kept = BestCheckpoint(
        tmp_path, "best", monitor="val/loss", save_last=True, save_on_train_epoch_end=True, enable_version_counter=False
    )
    module, loader = Worsening(), DataLoader(torch.ones(2, 2))
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = Trainer(accelerator="cpu", max_epochs=3, callbacks=[kept], default_root_dir=tmp_path, **quiet)
    trainer.fit(module, loader, loader)
    assert epochs_of(tmp_path / "best.ckpt") == 1
    assert epochs_of(tmp_path / "last.ckpt") == 3
    assert kept.best_model_score == 0
    assert sorted(path.name for path in tmp_path.glob("*.ckpt")) == ["best.ckpt", "last.ckpt"]

"""The random numbers of an epoch, with Lightning's own trainer: undisturbed, and from a checkpoint."""

import pytest
import torch
from lightning import Trainer
from torch.utils.data import DataLoader

from avsal_bench.training.classifying.tags import TagModule
from avsal_bench.training.epoch_draws import DrawsByEpoch
from avsal_bench.training.module import SaliencyModule


class Drawing(DrawsByEpoch):
    """Draws a number a step."""

    def __init__(self, dies=9):
        super().__init__()
        self.seed, self.dies = 3, dies
        self.weight, self.drawn = torch.nn.Parameter(torch.zeros(1)), {}

    def on_train_epoch_start(self):
        if self.current_epoch == self.dies:
            raise KeyError
        super().on_train_epoch_start()

    def training_step(self, batch, index):
        self.drawn.setdefault(self.current_epoch, []).append(torch.rand(()).item())
        return self.weight.sum()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


def train(folder, module, checkpoint=None):
    words = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = Trainer(max_epochs=3, accelerator="cpu", default_root_dir=folder, **words)
    reader = DataLoader(torch.zeros(4, 1), batch_size=2)
    if checkpoint:
        trainer.fit(module, reader, ckpt_path=checkpoint, weights_only=True)
        return module.drawn
    try:
        trainer.fit(module, reader)
    except KeyError:
        assert module.dies < 3
    return module.drawn


@pytest.mark.filterwarnings("ignore")
def test_a_resumed_epoch_draws_what_an_undisturbed_one_does(tmp_path):
    assert issubclass(SaliencyModule, DrawsByEpoch)
    assert issubclass(TagModule, DrawsByEpoch)
    whole = train(tmp_path / "whole", Drawing())
    assert len({value for values in whole.values() for value in values}) == 6
    train(tmp_path / "killed", Drawing(dies=1))
    [checkpoint] = (tmp_path / "killed").rglob("*.ckpt")
    assert train(tmp_path / "again", Drawing(), checkpoint) == {1: whole[1], 2: whole[2]}

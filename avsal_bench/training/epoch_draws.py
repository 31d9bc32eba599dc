"""The random numbers of an epoch of training: the same in an undisturbed run and in one that goes on."""

from __future__ import annotations

import torch
from lightning import LightningModule


class DrawsByEpoch(LightningModule):
    """A module whose draws of epoch e start from ``seed`` and ``e``, other ones for each process."""

    seed: int
    _begins = False

    def on_train_start(self) -> None:
        """Note that a run begins, in whatever epoch."""
        self._begins = True

    def on_train_epoch_start(self) -> None:
        """Start the random numbers of the epoch.

        Lightning makes the reader of an epoch behind this hook, and a reader draws one number, whatever it reads; that
        of the first epoch of a run is made before. So where a run goes on in a later one, that number is drawn here.
        """
        torch.manual_seed(100_003 * self.seed + self.current_epoch + 1_000_003 * self.global_rank)
        if self._begins and self.current_epoch > 0:
            torch.empty((), dtype=torch.int64).random_()
        self._begins = False

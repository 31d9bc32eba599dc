"""Checkpoints that are there whole or not at all, on every file system."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.fabric.utilities.types import _PATH

from avsal_bench.files import whole_file


def epochs_of(checkpoint: Path) -> int:
    """How many epochs of training a checkpoint has behind it, each of them whole."""
    return int(torch.load(checkpoint, map_location="cpu", weights_only=True)["epoch"]) + 1


class AtomicCheckpoints(TorchCheckpointIO):
    """Writes a checkpoint beside its place and moves it there.

    Lightning writes to the folder of temporary files first. When that is on another file system, its move is a copy,
    and a process that dies meanwhile leaves half a checkpoint in the place of a whole one.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: _PATH, storage_options: Any | None = None) -> None:
        """Write a checkpoint; ``storage_options`` are not known here.

        Raises:
            TypeError: for ``storage_options``.
        """
        if storage_options is not None:
            raise TypeError("AtomicCheckpoints writes to folders, and knows no storage options")
        with whole_file(Path(path)) as temporary, temporary.open("wb") as file:
            torch.save(checkpoint, file)

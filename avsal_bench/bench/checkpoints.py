"""Checkpoints of a training: there whole or not at all, on every file system; looked at before they are relied on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.fabric.utilities.types import _PATH
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor, nn

from avsal_bench.files import whole_file
from avsal_bench.models.weights.loading import load_published, open_safely

#: What Lightning asks for when a training goes on.
RESUMING = ("epoch", "global_step", "loops", "state_dict", "optimizer_states", "lr_schedulers", "callbacks")


def epochs_of(checkpoint: Path, module: nn.Module | None = None) -> int:
    """How many epochs of training a checkpoint has behind it, each of them whole.

    Args:
        checkpoint: that a training is to go on from.
        module: that goes on.

    Raises:
        ValueError: naming the file and what to do, for one that is damaged, or of another training.
    """
    content = _open(checkpoint)
    if missing := [name for name in RESUMING if name not in content]:
        raise ValueError(
            f"{checkpoint}: no checkpoint to go on from ({', '.join(missing)} missing); {_way_out(checkpoint)}"
        )
    kinds: dict[str, type] = {"loops": dict, "callbacks": dict, "optimizer_states": list, "lr_schedulers": list}
    strange = [name for name, kind in kinds.items() if not isinstance(content[name], kind)]
    if strange or "fit_loop" not in content["loops"]:
        wrong = strange[0] if strange else "loops"
        raise ValueError(f"{checkpoint}: no checkpoint to go on from ({wrong} is damaged); {_way_out(checkpoint)}")
    epoch = content["epoch"]
    if not isinstance(epoch, int) or epoch < 0:
        raise ValueError(f"{checkpoint}: epoch is {epoch!r}, expected a number from 0; {_way_out(checkpoint)}")
    if module is not None:
        own, state = module.state_dict(), content["state_dict"]
        other = sorted(own.keys() ^ state.keys()) or [key for key in own if own[key].shape != state[key].shape]
        if other:
            raise ValueError(f"{checkpoint}: of another network ({other[0]} differs); {_way_out(checkpoint)}")
    return epoch + 1


def network_state(checkpoint: Path) -> dict[str, Tensor]:
    """State dict of the network in a checkpoint of a training here.

    Raises:
        FileNotFoundError, ValueError: naming the file and what to do.
    """
    return {key.removeprefix("net."): v for key, v in _open(checkpoint)["state_dict"].items() if key.startswith("net.")}


def load_network(net: nn.Module, checkpoint: Path) -> None:
    """Load the network in a checkpoint of a training here, strictly.

    Raises:
        FileNotFoundError, ValueError: naming the file, what does not fit, and what to do.
    """
    try:
        load_published(net, network_state(checkpoint), lambda key, value: (key, value))
    except ValueError as error:
        if str(error).startswith(str(checkpoint)):
            raise
        raise ValueError(f"{checkpoint}: {error}\n  {_way_out(checkpoint)}") from error


def _open(path: Path) -> Mapping[str, Any]:
    content = open_safely(path, _way_out(path))
    state = content.get("state_dict") if isinstance(content, Mapping) else None
    if not isinstance(content, Mapping) or not isinstance(state, Mapping):
        raise ValueError(f"{path}: no checkpoint of a training here; {_way_out(path)}")
    if strange := [key for key, value in state.items() if not (isinstance(key, str) and isinstance(value, Tensor))]:
        raise ValueError(f"{path}: {strange[0]!r} is no tensor; {_way_out(path)}")
    return content


def _way_out(path: Path) -> str:
    """What to do about a file that a training left."""
    if path.name == "last.ckpt":
        return "remove it, and the training starts at its first epoch; or do all anew with --force"
    return f"remove the folder {path.parent}, and it is trained anew; or do all anew with --force"


class BestCheckpoint(ModelCheckpoint):
    """Keeps the best epoch and the last one, and knows which was the best after its folder was moved or copied.

    Lightning forgets the best score then, and the next epoch, however bad, would take its place. Lightning 2.6 also
    writes no last checkpoint in an epoch that is not the best, and a killed training would do again all after that.
    """

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep the epoch if it is the best, and in any case as the last one."""
        super().on_train_epoch_end(trainer, pl_module)
        if not self._should_skip_saving_checkpoint(trainer):  # nothing was saved in this step
            self._save_last_checkpoint(trainer, self._monitor_candidates(trainer))

    @property
    def state_key(self) -> str:
        """That of its base, under which earlier checkpoints have it."""
        return super().state_key.replace(type(self).__qualname__, ModelCheckpoint.__qualname__, 1)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the state, with its files in the folder of now."""

        def here(path: str) -> str:
            return str(Path(str(self.dirpath)) / Path(path).name) if path else ""

        names = ("best_model_path", "kth_best_model_path", "last_model_path")
        moved = {name: here(state_dict.get(name, "")) for name in names}
        best = {here(path): score for path, score in state_dict.get("best_k_models", {}).items()}
        super().load_state_dict({**state_dict, **moved, "best_k_models": best, "dirpath": self.dirpath})


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

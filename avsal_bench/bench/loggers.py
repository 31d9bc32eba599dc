"""Loggers of a training, by their names on the command line. Their files lie below the folder of the stage."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger, WandbLogger

#: Project of the runs of wandb, unless ``WANDB_PROJECT`` names another.
PROJECT = "avsal-bench"


def _csv(folder: Path, title: str) -> Logger:
    return CSVLogger(folder, name="log")


def _tensorboard(folder: Path, title: str) -> Logger:
    return TensorBoardLogger(folder, name="tensorboard", default_hp_metric=False)


def check_logger(name: str) -> None:
    """Look whether the package of a logger is installed.

    Raises:
        ValueError: when it is not.
    """
    if name == "wandb":
        try:
            import wandb  # noqa: F401
        except ImportError as error:
            raise ValueError("the logger wandb needs its package: pip install 'avsal-bench[cluster]'") from error


def _wandb(folder: Path, title: str) -> Logger:
    """Without ``WANDB_API_KEY`` in the environment nothing is sent, and nobody is asked to log in."""
    check_logger("wandb")
    import wandb

    return WandbLogger(
        name=title,
        save_dir=folder,
        version=folder.name,  # a run that goes on goes on there too
        project=os.environ.get("WANDB_PROJECT", PROJECT),
        offline=not os.environ.get("WANDB_API_KEY"),
        settings=wandb.Settings(silent=True, console="off"),
    )


#: What ``--logger`` may name: a table of numbers, TensorBoard's files, and Weights & Biases.
LOGGERS: dict[str, Callable[[Path, str], Logger]] = {"csv": _csv, "tensorboard": _tensorboard, "wandb": _wandb}


@contextmanager
def open_loggers(names: Sequence[str], folder: Path, title: str) -> Iterator[list[Logger]]:
    """Loggers for one stage, closed at its end; none opens a file before the first number comes.

    Raises:
        ValueError: for wandb where its package is not installed.
    """
    loggers = [LOGGERS[name](folder, title) for name in names]
    try:
        yield loggers
    finally:
        if "wandb" in names:
            import wandb

            wandb.finish()  # or the next stage would go on in this one's run

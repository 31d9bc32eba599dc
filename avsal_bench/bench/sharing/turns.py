"""Jobs that share a stage of training take turns at its folder; the processes of a job wait together, and agree."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Thread
from typing import TypeVar

from lightning import Trainer

from avsal_bench.bench.sharing.locks import hold

#: Seconds between two answers to the processes that wait: short against the half hour after which a wait fails.
ANSWER = 10.0
T = TypeVar("T")


def agreed(trainer: Trainer, find: Callable[[], T]) -> T:
    """What the first process of a job finds, in all of them: files and code may change while processes start.

    Raises:
        ValueError, OSError: in all processes, as ``find`` does in the first.
    """
    _meet(trainer)
    found: T | ValueError | OSError | None = None
    if trainer.is_global_zero:
        try:
            found = find()
        except (ValueError, OSError) as error:
            found = error
    found = trainer.strategy.broadcast(found)
    if isinstance(found, ValueError | OSError):
        raise found
    return found  # type: ignore[return-value]


def _meet(trainer: Trainer) -> None:
    """Start the processes of a job, or find those that were started."""
    strategy = trainer.strategy
    if trainer.world_size > 1:
        assert strategy.launcher is not None
        strategy.launcher.launch(strategy.setup_environment)


@contextmanager
def take_turn(folder: Path, trainer: Trainer) -> Iterator[None]:
    """Hold ``folder`` for this job, however long another one has it.

    The first process of a job takes the lock. The others ask it again and again whether it has, because one long wait
    between processes would end in an error.

    Raises:
        OSError: in all processes, when the folder cannot be written.
    """
    strategy = trainer.strategy
    _meet(trainer)
    with ExitStack() as held:
        if trainer.world_size == 1:
            held.enter_context(hold(folder))
        else:
            error: OSError | None = None

            def enter() -> None:
                nonlocal error
                try:
                    held.enter_context(hold(folder))
                except OSError as raised:
                    error = raised

            waiter = Thread(target=enter, daemon=True)
            if trainer.is_global_zero:
                waiter.start()
            waiting = True
            while waiting:
                if trainer.is_global_zero:
                    waiter.join(ANSWER)
                waiting, error = strategy.broadcast((waiter.is_alive(), error))
            if error is not None:
                raise error
        yield

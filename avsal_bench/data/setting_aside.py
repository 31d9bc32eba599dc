"""Which videos of a set are fitted on, and which choose the checkpoint: its own validation list, else a fixed rule."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Protocol

from avsal_bench.data.dataset import DataSet, Validation, Video, dataset, registered_datasets
from avsal_bench.text import many


def fit_and_val(
    description: DataSet,
    listed: Callable[[str], list[Video]],
    fraction: float,
    validation: Validation = "set_aside",
) -> tuple[list[Video], list[Video]]:
    """Videos of a set to fit on, and those to validate on. The test list is asked for by ``official`` alone.

    A set with a validation list of its own (:attr:`~avsal_bench.data.dataset.DataSet.validation`) is fitted on the
    whole of its training list, and ``fraction`` moves nothing; of any other, :func:`hold_out` sets videos aside.

    Args:
        description: of the set.
        listed: gives the videos of its ``train`` and ``val``, such as with what teaches in the place of their maps.
        fraction: of the training videos that are set aside.
        validation: ``official`` for the list that plays the test, where it is what the authors of the set made to
            validate on (:attr:`~avsal_bench.data.dataset.DataSet.test_is_validation`); then nothing is set aside.

    Raises:
        ValueError: as :func:`hold_out`, and for a set that is for tests alone.
    """
    train = need_training(description, listed("train"))
    part = description.validated_on(validation)
    return hold_out(train, fraction) if part == "train" else (train, listed(part))


class _OfStage(Protocol):
    """What is asked of a stage of a recipe here."""

    @property
    def name(self) -> str: ...
    @property
    def data(self) -> tuple[str, ...]: ...
    @property
    def stills(self) -> tuple[str, ...]: ...
    @property
    def training(self) -> str: ...
    @property
    def validation(self) -> Validation: ...


def check_stage_sets(stage: _OfStage, tested: Sequence[str]) -> None:
    """Find a set that a stage cannot train on: one that it validates on and that is tested, or stills that are none.

    Args:
        stage: of a recipe; ``stills`` are sets that a training by turns takes its stills from.
        tested: sets.

    Raises:
        ValueError: naming the stage, the set, and what to do.
    """
    where = f"stage {stage.name!r}"
    for name in stage.data:
        if name in tested and dataset(name).validated_on(stage.validation) == "test":
            raise ValueError(
                f"{where}: validation: official validates on the videos that test {name}, which is tested here; "
                "leave it out of the test, or say validation: set_aside"
            )
    if stage.stills and stage.training != "alternating":
        raise ValueError(f"{where}: stills are of training: alternating, and not of {stage.training}; leave them out")
    for name in stage.stills:
        if not dataset(name).stills:
            known = ", ".join(one for one, its in sorted(registered_datasets().items()) if its.stills)
            raise ValueError(f"{where}: stills: {name} is a set of videos; expected sets of stills, such as {known}")


def need_training(description: DataSet, videos: list[Video]) -> list[Video]:
    """The training videos of a set again.

    Raises:
        ValueError: for a set without any, such as the private part of a challenge.
    """
    if not videos:
        other = f"; train on {description.over[0]}, and test on it" if description.over else ", and is for tests alone"
        raise ValueError(f"{description.name} has no training videos{other}")
    return videos


def hold_out(videos: Sequence[Video], fraction: float) -> tuple[list[Video], list[Video]]:
    """Split training videos into those to fit on and those to validate on: whole videos, by a fixed rule.

    The videos of each data set are ordered by the SHA-1 of ``<set>/<name>``, and the first ``round(fraction * n)`` of
    them, at least one, are set aside. The rule knows names only: no fold, seed or machine changes it.

    Raises:
        ValueError: when a data set has fewer than two training videos, or all of them would be set aside.
    """
    aside: set[str] = set()
    for name in {v.dataset for v in videos}:
        keys = sorted({v.key for v in videos if v.dataset == name}, key=_sha1)
        if len(keys) < 2:
            raise ValueError(f"{name}: {len(keys)} training video; one to fit on and one to validate on are needed")
        if (count := max(1, round(fraction * len(keys)))) == len(keys):
            raise ValueError(
                f"{name}: val_fraction {fraction} sets aside all {many(count, 'training video')}; lower it"
            )
        aside.update(keys[:count])
    return [v for v in videos if v.key not in aside], [v for v in videos if v.key in aside]


def _sha1(text: str) -> str:
    return hashlib.sha1(text.encode()).hexdigest()

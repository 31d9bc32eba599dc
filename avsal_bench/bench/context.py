"""What all parts of a job need: the job itself, its resolved recipe, the folders and the machine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from avsal_bench.bench.job import Job
from avsal_bench.bench.machine import Machine
from avsal_bench.bench.workspace import Workspace
from avsal_bench.data.clips.data_config import DataConfig
from avsal_bench.data.clips.datamodule import SaliencyDataModule
from avsal_bench.spec import ClipSpec, Sound
from avsal_bench.training.recipe import Recipe

#: Data set, sound condition and path of one record of a job.
Place = tuple[str, Sound, Path]


@dataclass(frozen=True)
class Context:
    """What all parts of a job need: the job, its resolved recipe, the folders, the machine."""

    job: Job
    recipe: Recipe
    space: Workspace
    machine: Machine

    def data(self, names: Iterable[str], spec: ClipSpec, **options: Any) -> SaliencyDataModule:
        """The data module of some data sets, with the clips of a network; ``options`` are fields of the config."""
        roots = {name: self.space.root_of(name) for name in names}
        config = DataConfig(roots, self.job.fold, num_workers=self.machine.workers, **options)
        most = spec.windows_at_a_time("cuda" if torch.cuda.is_available() else "cpu")
        config = replace(config, test_batch_size=self.machine.windows(min(most, config.test_batch_size)))
        return SaliencyDataModule(config, spec)


@dataclass
class Trained:
    """What training gave so far: the best checkpoint of the last stage, and the story of every stage."""

    checkpoint: Path | None = None
    fits: list[dict[str, Any]] = field(default_factory=list)

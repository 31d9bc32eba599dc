"""What the plan and the run of a job ask of its kind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence

from avsal_bench.bench.context import Context, Place
from avsal_bench.bench.job import Job
from avsal_bench.bench.jobs.needs import Needs
from avsal_bench.bench.workspace import Workspace
from avsal_bench.evaluation.scores_of import Made
from avsal_bench.spec import Sound
from avsal_bench.training.recipe import Recipe


class JobKind(ABC):
    """A kind of job: all of them have a recipe, a place in the plan, and records in one form."""

    #: Whether there is a network, whose time and size can be measured.
    has_network: bool

    @abstractmethod
    def modalities(self, model: str) -> tuple[str, ...]:
        """Modalities of a model; none for a baseline.

        Raises:
            ValueError: for an unknown name; it suggests the nearest one.
        """

    @abstractmethod
    def options(self, model: str) -> Collection[str]:
        """Names of what ``network`` of a recipe may hold."""

    @abstractmethod
    def label(self, job: Job, recipe: Recipe) -> str:
        """Name of the model in records and tables."""

    @abstractmethod
    def made_of(self, job: Job, recipe: Recipe, space: Workspace, name: str, sound: Sound) -> Made:
        """All that the test on a data set under a sound is made of now.

        Raises:
            FileNotFoundError: naming a missing file.
            ValueError: naming what is no regular file, and for stages that do not fit together.
        """

    @abstractmethod
    def needs(self, context: Context, missing: Sequence[Place], needs: Needs) -> None:
        """Note what a job reads, and what does not fit together; nothing is looked for on the disk yet.

        Raises:
            ValueError, FileNotFoundError: for stages that cannot be resolved.
        """

    def check(self, context: Context, missing: Sequence[Place]) -> None:
        """Look for all that a job needs, before hours are spent.

        Raises:
            ValueError: for what does not fit together.
            FileNotFoundError: naming a missing file.
        """
        needs = Needs(context.space)
        self.needs(context, missing, needs)
        needs.check()

    @abstractmethod
    def make(self, context: Context, missing: Sequence[Place]) -> None:
        """Do what is left of a job, and write the records that are missing."""

"""A network, trained here, published or without training: its stages are fitted, then it is tested on every set."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

from avsal_bench.bench.computing.decoding import check_decoding
from avsal_bench.bench.context import Context, Place, Trained
from avsal_bench.bench.fit import fit
from avsal_bench.bench.job import Job
from avsal_bench.bench.jobs.checks import check_made_of, check_swaps, needs_of_network, needs_of_stages
from avsal_bench.bench.jobs.kind import JobKind
from avsal_bench.bench.jobs.needs import Needs
from avsal_bench.bench.jobs.testing import test_all
from avsal_bench.bench.made_of import of_test, of_training
from avsal_bench.bench.stages import network_label, trainings
from avsal_bench.bench.starting import check_parts
from avsal_bench.bench.workspace import Workspace
from avsal_bench.evaluation.scores_of import Made
from avsal_bench.models import model_entry
from avsal_bench.spec import Sound
from avsal_bench.training.own_data import options_of
from avsal_bench.training.recipe import Recipe


class NetworkJob(JobKind):
    """The job of a network of the registry."""

    has_network = True

    def modalities(self, model: str) -> tuple[str, ...]:
        """Those of the registry."""
        return model_entry(model).modalities

    def options(self, model: str) -> Collection[str]:
        """The arguments of the network."""
        return options_of(model)

    def label(self, job: Job, recipe: Recipe) -> str:
        """The name in the registry and the variant, see :func:`~avsal_bench.bench.stages.network_label`."""
        return network_label(job, recipe)

    def made_of(self, job: Job, recipe: Recipe, space: Workspace, name: str, sound: Sound) -> Made:
        """See :func:`~avsal_bench.bench.made_of.of_test`."""
        return of_test(job, recipe, space, name, sound)

    def check(self, context: Context, missing: Sequence[Place]) -> None:
        """Also whether what is left can be trained here, and what is trained is made of what is here now."""
        stages = trainings(context.job, context.recipe, context.space)
        if not all(stage.done for stage in stages):
            context.machine.check_training(context.job.name)
            check_decoding(context.job.decode)
        super().check(context, missing)
        check_made_of(context, stages, missing)

    def needs(self, context: Context, missing: Sequence[Place], needs: Needs) -> None:
        """Every file of training and test, the sounds to swap, and the parts that stages take from each other."""
        needs_of_stages(context, needs)
        stages = trainings(context.job, context.recipe, context.space)
        needs_of_network(context, stages, {name for name, _, _ in missing}, needs)
        with needs.noted():
            check_swaps(context, missing)
        with needs.noted():
            check_parts(stages)

    def make(self, context: Context, missing: Sequence[Place]) -> None:
        """Fit one stage after the other, and test the last."""
        trained = Trained()
        for training in trainings(context.job, context.recipe, context.space):
            trained = fit(context, training, trained, partial(of_training, training, context.job, context.space))
        test_all(context, trained, missing)

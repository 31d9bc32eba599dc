"""The kinds of a job: a network of the registry, and the observers of a set scored against each other."""

from avsal_bench.bench.job import HUMAN
from avsal_bench.bench.jobs.human import HumanJob
from avsal_bench.bench.jobs.kind import JobKind
from avsal_bench.bench.jobs.network import NetworkJob

__all__ = ["HUMAN", "HumanJob", "JobKind", "NetworkJob", "kind_of"]


def kind_of(model: str) -> JobKind:
    """The kind of job that a name of a model asks for; a name that no other kind has is one of the registry."""
    return HumanJob() if model == HUMAN else NetworkJob()

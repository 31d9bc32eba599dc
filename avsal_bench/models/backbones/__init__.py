"""Encoders that networks share: one file each, which names the published weights that it starts from."""

from functools import cache
from importlib import import_module

from avsal_bench.models.declared import weights_in
from avsal_bench.models.published_weights import PublishedWeights, WeightsFile


@cache
def backbone_files() -> dict[str, tuple[WeightsFile, ...]]:
    """Published weights of each encoder, by the name of its file, as a listing tells of them; nothing is imported."""
    return weights_in(__path__)


def backbone_weights(name: str) -> tuple[PublishedWeights, ...]:
    """Published weights of an encoder, by the name of its file, which is imported."""
    found: tuple[PublishedWeights, ...] = getattr(import_module(f"{__name__}.{name}"), "WEIGHTS", ())
    return found


__all__ = ["backbone_files", "backbone_weights"]

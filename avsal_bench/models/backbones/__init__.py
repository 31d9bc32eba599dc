"""Encoders that networks share: one file each, which names the published weights that it starts from."""

from importlib import import_module
from pkgutil import iter_modules

from avsal_bench.models.published_weights import PublishedWeights

#: Published weights of each encoder, by the name of its file.
BACKBONE_WEIGHTS: dict[str, tuple[PublishedWeights, ...]] = {
    module.name: getattr(import_module(f"{__name__}.{module.name}"), "WEIGHTS", ()) for module in iter_modules(__path__)
}

__all__ = ["BACKBONE_WEIGHTS"]

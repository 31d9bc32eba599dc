"""Networks: one file each. Importing this package imports none of them: a network's file is, when it is asked for."""

from typing import TYPE_CHECKING

from avsal_bench.lazy import lazily
from avsal_bench.models import baselines, visual
from avsal_bench.models.declared import ModelFacts
from avsal_bench.models.registry import (
    ModelEntry,
    create_model,
    list_models,
    look_in,
    model_entry,
    model_facts,
    register_model,
)

if TYPE_CHECKING:
    from avsal_bench.models.base import Network, Outputs
    from avsal_bench.models.clips import Clips, Memory, Place

look_in(__name__, __path__)
look_in(visual.__name__, visual.__path__)
look_in(baselines.__name__, baselines.__path__)

__all__ = [
    "Clips",
    "Memory",
    "ModelEntry",
    "ModelFacts",
    "Network",
    "Outputs",
    "Place",
    "create_model",
    "list_models",
    "model_entry",
    "model_facts",
    "register_model",
]

if not TYPE_CHECKING:  # what needs torch
    __getattr__, __dir__ = lazily(
        __name__,
        dict.fromkeys(("Network", "Outputs"), f"{__name__}.base")
        | dict.fromkeys(("Clips", "Memory", "Place"), f"{__name__}.clips"),
    )

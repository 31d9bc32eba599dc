"""How networks learn: recipes, losses, and the LightningModules, which are imported when they are asked for."""

from typing import TYPE_CHECKING

from avsal_bench.lazy import lazily

if TYPE_CHECKING:
    from avsal_bench.training.any_network import as_network
    from avsal_bench.training.losses import LOSSES, Prediction, Truth, saliency_loss
    from avsal_bench.training.module import SaliencyModule
    from avsal_bench.training.recipe import Recipe, list_presets, list_recipes, load_recipe
    from avsal_bench.training.stage import Stage, Training
    from avsal_bench.training.tasks import TwoTask

__all__ = [
    "LOSSES",
    "Prediction",
    "Recipe",
    "SaliencyModule",
    "Stage",
    "Training",
    "Truth",
    "TwoTask",
    "as_network",
    "list_presets",
    "list_recipes",
    "load_recipe",
    "saliency_loss",
]

if not TYPE_CHECKING:
    _HOMES = {
        "any_network": ("as_network",),
        "losses": ("LOSSES", "Prediction", "Truth", "saliency_loss"),
        "module": ("SaliencyModule",),
        "recipe": ("Recipe", "list_presets", "list_recipes", "load_recipe"),
        "stage": ("Stage", "Training"),
        "tasks": ("TwoTask",),
    }
    __getattr__, __dir__ = lazily(
        __name__, {name: f"{__name__}.{module}" for module, names in _HOMES.items() for name in names}
    )

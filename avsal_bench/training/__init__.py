"""How networks learn: recipes and losses; the LightningModules beside them are imported by their own names."""

from avsal_bench.training.losses import LOSSES, Prediction, Truth, saliency_loss
from avsal_bench.training.recipe import Recipe, Stage, Training, list_presets, list_recipes, load_recipe
from avsal_bench.training.tasks import TwoTask

__all__ = [
    "LOSSES",
    "Prediction",
    "Recipe",
    "Stage",
    "Training",
    "Truth",
    "TwoTask",
    "list_presets",
    "list_recipes",
    "load_recipe",
    "saliency_loss",
]

"""Networks: one file each. Importing this package registers all of them."""

from importlib import import_module
from pkgutil import iter_modules

from avsal_bench.models.registry import Network, Outputs, Place, create_model, list_models, model_entry, register_model

for _module in iter_modules(__path__):
    if not _module.ispkg:
        import_module(f"{__name__}.{_module.name}")

__all__ = ["Network", "Outputs", "Place", "create_model", "list_models", "model_entry", "register_model"]

"""Networks: one file each. Importing this package registers all of them, and the baselines."""

from importlib import import_module
from pkgutil import iter_modules

from avsal_bench.models import baselines
from avsal_bench.models.registry import Network, Outputs, Place, create_model, list_models, model_entry, register_model

for _package, _paths in ((__name__, __path__), (baselines.__name__, baselines.__path__)):
    for _module in iter_modules(_paths):
        if not _module.ispkg:
            import_module(f"{_package}.{_module.name}")

__all__ = ["Network", "Outputs", "Place", "create_model", "list_models", "model_entry", "register_model"]

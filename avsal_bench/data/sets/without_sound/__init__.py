"""Sets of videos without sound besides DHF1K, on which networks are pre-trained: one file each, as those beside it."""

from importlib import import_module
from pkgutil import iter_modules

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")

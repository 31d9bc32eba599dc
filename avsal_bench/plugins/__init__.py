"""Plug-ins: code from outside the package that registers networks, data sets, protocols and metrics.

A plug-in is a module, or a Python file, that calls ``register_model``, ``register_dataset``, ``register_protocol`` or
``register_metric`` when it is imported. It is code that you choose to run: nothing in a record, a checkpoint or a
folder of maps ever loads one.
"""

from avsal_bench.plugins.entries import enter, registered_in
from avsal_bench.plugins.finding import find, unknown_here
from avsal_bench.plugins.importing import PLUGINS, load_plugins, typed_for_record, use_plugins
from avsal_bench.plugins.plugin import Plugin

__all__ = [
    "PLUGINS",
    "Plugin",
    "enter",
    "find",
    "load_plugins",
    "registered_in",
    "typed_for_record",
    "unknown_here",
    "use_plugins",
]

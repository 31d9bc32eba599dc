"""The network that a user means, and its use without a trace: it goes back to its device and its mode."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from torch import nn

from avsal_bench.api.pretrained import pretrained_model
from avsal_bench.bench.workspace import workspace
from avsal_bench.models import list_models, model_entry, model_facts
from avsal_bench.models.weights.offered import list_weights
from avsal_bench.names import unknown
from avsal_bench.plugins import load_plugins
from avsal_bench.prediction.predictor import Predictor, from_file, from_store
from avsal_bench.training.any_network import OwnNetwork
from avsal_bench.training.module import SaliencyModule

#: A network: built, or its name, or a file of its weights.
Model = nn.Module | str | os.PathLike[str]


def predictor_of(model: Model, places: str = "file of weights") -> Predictor:
    """The network that is meant, with its weights.

    Args:
        model: a :class:`SaliencyModule`, any ``nn.Module`` with a spec, the name of a baseline or of a network whose
            published weights were imported, the name of such weights, or the path of a checkpoint of a training here.
        places: what else a name may be, for the error.

    Raises:
        TypeError: for what is none of these.
        ValueError, FileNotFoundError: for a name that nobody has, a file that is not there, or weights that do not fit.
    """
    if isinstance(model, nn.Module):
        module = model if isinstance(model, SaliencyModule) else SaliencyModule(model)
        return Predictor(name_of(module), {}, module)
    if not isinstance(model, str | os.PathLike):
        raise TypeError(f"expected a network, its name or a file of its weights, got {model!r}")
    load_plugins()
    if isinstance(model, str) and model in list_models():
        if model_entry(model).modalities:
            return pretrained_model(model, True, {})
        return Predictor(model, {}, SaliencyModule(model))
    if Path(model).is_file():
        return from_file(Path(model))
    if isinstance(model, str) and model in list_weights():
        return from_store(model, workspace().weights)
    known = {*list_models(), *list_weights()}
    raise FileNotFoundError(f"{model}: no such {places}, and {unknown('network', str(model), known)}")


def name_of(module: SaliencyModule) -> str:
    """Name of a network: that of the registry, or of the class of a module of one's own."""
    net = module.net
    if isinstance(net, OwnNetwork):
        return type(net.module).__name__
    for name in list_models():
        if model_facts(name).module == type(net).__module__ and model_entry(name).build is type(net):
            return name
    return type(net).__name__


@contextmanager
def borrowed(module: SaliencyModule) -> Iterator[None]:
    """For the block, a network may be moved and its mode changed; afterwards all is as before."""
    modes = {part: part.training for part in module.modules()}
    places = {tensor.device for tensor in (*module.parameters(), *module.buffers())}
    try:
        yield
    finally:
        if len(places) == 1:
            module.to(*places)
        for part, mode in modes.items():
            part.training = mode

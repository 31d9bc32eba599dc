"""The network that a user means, and its use without a trace: it goes back to its device and its mode."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import RLock

import torch
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


@dataclass
class _Loan:
    """How a part was before it was lent, and how many predictions use it now."""

    mode: bool
    places: frozenset[torch.device]
    users: int = 0


#: Parts that are being used, by their ids; they live as long as the predictions that use them.
_LENT: dict[int, _Loan] = {}
#: Entered again where an iterator that nobody has any more is collected, and closed, in the middle.
_LENDING = RLock()


@contextmanager
def borrowed(module: SaliencyModule) -> Iterator[None]:
    """For the block, a network may be moved and its mode changed; afterwards all is as before.

    A network that several predictions use at a time, in threads or by iterators, is given back by the last of them.
    """
    parts = list(module.modules())
    with _LENDING:
        for part in parts:
            tensors = (*part.parameters(recurse=False), *part.buffers(recurse=False))
            loan = _Loan(part.training, frozenset(tensor.device for tensor in tensors))
            _LENT.setdefault(id(part), loan).users += 1
    try:
        yield
    finally:
        with _LENDING:
            loans = [_LENT[id(part)] for part in parts]
            for loan in loans:
                loan.users -= 1
            places = frozenset[torch.device]().union(*(loan.places for loan in loans))
            if len(places) == 1 and not any(loan.users for loan in loans):
                module.to(*places)
            for part, loan in zip(parts, loans, strict=True):
                if not loan.users:
                    part.training = loan.mode
                    del _LENT[id(part)]

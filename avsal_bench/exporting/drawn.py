"""A network with weights drawn at random, to try what can be done with it before it is trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from avsal_bench.models import model_entry
from avsal_bench.prediction.predictor import Predictor
from avsal_bench.training.module import SaliencyModule
from avsal_bench.yaml_files import read_setting


def untrained(model: str, modality: str = "", settings: Sequence[str] = (), **options: Any) -> Predictor:
    """A network as ``find_predictor`` gives it, but with weights drawn at random, always the same ones.

    Args:
        model: name in the registry.
        modality: by default the richest.
        settings: further options such as ``network.frames=16``.
        options: likewise, as values.

    Raises:
        ValueError: for an unknown name or option.
    """
    entry = model_entry(model)
    options = ({"modality": modality or entry.modalities[-1]} if entry.modalities else {}) | options
    for text in settings:
        key, value = read_setting(text, "network.frames=16")
        if not key.startswith("network."):
            raise ValueError(f"--set {text}: expected an option of the network, such as network.frames=16")
        options[key.removeprefix("network.")] = value
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = SaliencyModule(model, options, {}, {}, {})
    return Predictor(model, options, module, "drawn at random" if entry.modalities else "")

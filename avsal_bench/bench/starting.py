"""What a stage starts from: the stage before, published weights, and parts of the networks of other stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from avsal_bench.bench.stages import Training
from avsal_bench.files import sha256
from avsal_bench.models import Network, create_model, model_entry
from avsal_bench.models.weights.store import load_weights
from avsal_bench.names import unknown


def start_from(net: Network, checkpoint: Path) -> None:
    """Load a network from an earlier stage of it: the whole of it, or the visual part of an audio-visual one."""
    from avsal_bench.bench.checkpoints import load_network, network_state  # here, as Lightning takes long to import

    state = network_state(checkpoint)
    if net.state_dict().keys() == state.keys():
        load_network(net, checkpoint)
    else:
        net.load_visual(state)


def start_parts(training: Training, net: Network, store: Path) -> dict[str, dict[str, str]]:
    """Load published weights, or those of another stage's network, into the parts of a network that start from them.

    Returns:
        For each part that was loaded, where its weights came from.

    Raises:
        FileNotFoundError: for weights that are not imported.
        ValueError: for a part that the network does not have in any modality, and for weights that do not fit.
    """
    from avsal_bench.bench.checkpoints import network_state  # as above

    loaded = {}
    for part in starting_parts(training, net):
        module = net.get_submodule(part)
        if part not in training.parts:
            loaded[part] = load_weights(module, training.stage.start[part], store)
            continue
        source, name = training.parts[part]
        load_part(module, network_state(source.best), source, name)
        about = {"stage": source.stage.name, "network": source.network, "part": name}
        loaded[part] = about | {"sha256": sha256(source.best)}
    return loaded


def starting_parts(training: Training, net: Network) -> list[str]:
    """Parts of a network that ``start`` names; one that only another modality of the network has is passed over.

    Raises:
        ValueError: for a part that the network does not have in any modality.
    """
    here = dict(net.named_modules())
    for part in training.stage.start:
        if part not in here and part not in (known := parts_of(training.model)):
            raise ValueError(unknown(f"part of {training.model} in `start`", part, known))
    return [part for part in training.stage.start if part in here]


def load_part(module: torch.nn.Module, state: Mapping[str, torch.Tensor], source: Training, part: str) -> None:
    """Load a part of the state of another stage's network, "" for the whole, into a module of the same form, strictly.

    Raises:
        ValueError: when the other network has no such part, or its entries are not those of the module.
    """
    prefix = f"{part}." if part else ""
    own = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    if not own:
        parts = {".".join(key.split(".")[:depth]) for key in state for depth in (1, 2, 3)}
        raise ValueError(unknown(f"part of {source.model} in stage {source.stage.name!r}", part, parts))
    try:
        # Shapes alone are put in the place of others: to copy them would be warned of.
        module.load_state_dict(own, strict=True, assign=any(value.is_meta for value in own.values()))
    except RuntimeError as error:
        which = f"part {part!r} of {source.model}" if part else source.model
        text = f"{which}, stage {source.stage.name!r}, does not fit: {error}"
        raise ValueError(text) from error


def check_parts(stages: Sequence[Training]) -> None:
    """Look whether what stages start from each other's networks fits, and is there, before anything is trained.

    Raises:
        ValueError: as :func:`start_parts`.
    """
    for training in (training for training in stages if training.parts):
        net = _shapes(training)
        for part in starting_parts(training, net):
            if part in training.parts:
                source, name = training.parts[part]
                load_part(net.get_submodule(part), _shapes(source).state_dict(), source, name)


def needed_weights(training: Training) -> list[str]:
    """Names of the published weights that a stage starts from; not those of parts that only another modality has.

    Raises:
        ValueError: for a part that the network does not have in any modality.
    """
    start = training.stage.start
    parts = starting_parts(training, _shapes(training)) if start else []
    return [start[part] for part in parts if part not in training.parts]


def _shapes(training: Training) -> Network:
    """The network of a stage without its numbers."""
    with torch.device("meta"):
        return create_model(training.model, **training.options)


def parts_of(model: str) -> set[str]:
    """Names of the parts that a network has in any modality."""
    entry = model_entry(model)
    networks = [create_model(model, **entry.tiny, modality=modality) for modality in entry.modalities]
    return {name for net in networks for name, _ in net.named_children()}

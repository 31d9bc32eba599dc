"""The published weights that are known here, of networks and of encoders; torch is imported for what they open."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from avsal_bench.models.backbones import backbone_files, backbone_weights
from avsal_bench.models.published_weights import PublishedWeights, WeightsFile
from avsal_bench.models.registry import create_model, list_models, model_entry, model_facts
from avsal_bench.names import pick

if TYPE_CHECKING:
    from torch import nn


class Offered(NamedTuple):
    """A file that authors offer."""

    owner: str
    """The network, or the encoder, that it belongs to."""
    entry: WeightsFile
    whole: Callable[[], Sequence[PublishedWeights]]
    """Imports the owner, and gives all its files with what opens them."""


def _registered() -> dict[str, Offered]:
    """All published weights by name."""
    owners = [(name, model_facts(name).weights, lambda name=name: model_entry(name).weights) for name in list_models()]
    owners += [(name, its, lambda name=name: backbone_weights(name)) for name, its in backbone_files().items()]
    found: dict[str, Offered] = {}
    files: dict[str, str] = {}
    for owner, entries, whole in owners:
        for entry in entries:
            if entry.name in found:
                raise ValueError(
                    f"weights {entry.name!r} are registered twice: by {found[entry.name].owner} and {owner}"
                )
            if entry.file in files:
                raise ValueError(f"{entry.file} is the file of two weights: {files[entry.file]} and {entry.name}")
            found[entry.name] = Offered(owner, entry, whole)
            files[entry.file] = entry.name
    return found


def list_weights() -> dict[str, WeightsFile]:
    """All published weights that are known here, by name: of networks, and of encoders.

    Raises:
        ValueError: for a name or a file used twice.
    """
    return {name: offered.entry for name, offered in sorted(_registered().items())}


def published_weights(name: str) -> PublishedWeights:
    """What is known of published weights, with what opens them; the file of their owner is imported.

    Raises:
        ValueError: for an unknown name; it suggests the nearest one.
    """
    return next(entry for entry in pick("weights", name, _registered()).whole() if entry.name == name)


def weights_owner(name: str) -> str:
    """Name of the network, or of the encoder, that published weights belong to."""
    return pick("weights", name, _registered()).owner


def build_for(name: str) -> nn.Module:
    """A fresh network or encoder that published weights belong to."""
    entry = published_weights(name)
    return entry.build() if entry.build else create_model(weights_owner(name), **entry.options)

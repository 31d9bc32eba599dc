"""The network that predicts, by what a user says of it: a checkpoint of a run here, or published weights."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from avsal_bench.bench.workspace import Workspace
from avsal_bench.files import sha256
from avsal_bench.models import model_entry
from avsal_bench.models.layers.inference import inference_form
from avsal_bench.models.weights.loading import load_published, open_safely
from avsal_bench.models.weights.offered import list_weights, published_weights, weights_owner
from avsal_bench.models.weights.store import load_weights
from avsal_bench.names import unknown
from avsal_bench.records import network_name
from avsal_bench.training.module import SaliencyModule
from avsal_bench.yaml_files import read_setting


@dataclass(frozen=True)
class Predictor:
    """A network with its weights.

    Args:
        model: name in the registry.
        options: of the network.
        module: that normalises frames and gives maps.
        source: of the weights, for people; "" for a baseline, which has none.
        sha256: of the file of weights; None for a baseline.
    """

    model: str
    options: dict[str, Any]
    module: SaliencyModule
    source: str = ""
    sha256: str | None = None

    @property
    def name(self) -> str:
        """Name of the network in tables."""
        return network_name(self.model, str(self.options.get("modality", "")))

    @cached_property
    def predicting(self) -> SaliencyModule:
        """The module as it predicts, with its network in the form of
        :func:`~avsal_bench.models.layers.inference.inference_form`; ``module`` keeps its own."""
        made = copy.copy(self.module)
        # Not shared, as `to` and `train` write to them.
        made._modules, made._buffers = dict(made._modules), dict(made._buffers)
        made.net = inference_form(self.module.net)
        return made

    @property
    def hears(self) -> bool:
        """Whether it takes sound."""
        return self.module.net.spec.audio is not None


def find_predictor(
    space: Workspace, weights: str = "", model: str = "", modality: str = "", settings: Sequence[str] = ()
) -> Predictor:
    """The network that a user asks for.

    Args:
        space: with the finished trainings, and the imported weights.
        weights: a checkpoint of a run here, a file in its authors' form (which needs ``model``), or the name of
            imported weights; "" for the training that finished last.
        model: name in the registry; of a checkpoint, and of imported weights, it only has to agree.
        modality: likewise; by default that of the weights, and for a file of the authors the richest.
        settings: further options such as ``network.frames=16``, likewise; but those that change no weight
            (:attr:`~avsal_bench.models.base.Network.weightless`) are taken for what the checkpoint says.

    Raises:
        ValueError, FileNotFoundError: naming what is not known, not there, does not fit or does not agree.
    """
    asked = ({"modality": modality} if modality else {}) | dict(_setting(text) for text in settings)
    if model and not model_entry(model).modalities:
        return _baseline(model, asked, weights)
    if not weights:
        path = newest_training(space.runs, model, modality)
        return _trained(path, _own_checkpoint(path), model, asked)
    path = Path(weights)
    if path.exists():
        return from_file(path, model, asked)
    if weights not in list_weights():
        raise FileNotFoundError(f"{weights}: no such file, and {unknown('weights', weights, list_weights())}")
    return from_store(weights, space.weights, model, asked)


def from_file(path: Path, model: str = "", options: Mapping[str, Any] | None = None) -> Predictor:
    """The network in a checkpoint of a training here, or in a file in its authors' form.

    Args:
        path: of the file.
        model: name in the registry; of a checkpoint it only has to agree.
        options: of the network, likewise, but for those that change no weight.

    Raises:
        FileNotFoundError, ValueError: naming the file, and what is wrong with it or does not agree.
    """
    content = _own_checkpoint(path)
    if content:
        return _trained(path, content, model, options or {})
    return _of_authors(path, model, options or {})


def newest_training(runs: Path, model: str = "", modality: str = "") -> Path:
    """Checkpoint of the training that finished last, of a model and a modality if they are given.

    Raises:
        FileNotFoundError: when there is none.
    """
    finished = [path for path in (runs / "stages").glob("*/done.json") if path.with_name("best.ckpt").is_file()]
    for path in sorted(finished, key=lambda path: path.stat().st_mtime_ns, reverse=True):
        checkpoint = path.with_name("best.ckpt")
        kept = _own_checkpoint(checkpoint, quick=True).get("hyper_parameters", {"model": None, "options": {}})
        if model in ("", kept["model"]) and modality in ("", kept["options"].get("modality")):
            return checkpoint
    what = " of ".join(filter(None, ["no finished training", network_name(model, modality) if model else modality]))
    raise FileNotFoundError(
        f"{what} in {runs / 'stages'}; train one with `avsal bench {model or 'avrsp'}`, or give --weights"
    )


def _setting(text: str) -> tuple[str, Any]:
    """An option of the network.

    >>> _setting("network.size=[64, 96]")
    ('size', [64, 96])
    """
    key, value = read_setting(text, "network.frames=16")
    if not key.startswith("network."):
        raise ValueError(f"--set {text}: expected an option of the network, such as network.frames=16")
    return key.removeprefix("network."), value


def _own_checkpoint(path: Path, quick: bool = False) -> Mapping[str, Any]:
    """Content of a checkpoint of :class:`SaliencyModule`; nothing for a file in another form.

    Args:
        path: of the file.
        quick: without a look at its checksums, where only its head is asked for.

    Raises:
        ValueError: naming a file that cannot be read, and what in it is of another kind than it should be.
    """
    content: object = None
    if quick:
        with suppress(Exception):  # torch raises many kinds; what is wrong is said below
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    if content is None:
        content = open_safely(path, "give other --weights, or train again")
    kept = content.get("hyper_parameters") if isinstance(content, Mapping) else None
    if not isinstance(content, Mapping) or not isinstance(kept, Mapping) or not {"model", "options"} <= kept.keys():
        return {}
    kinds = {"state_dict": content.get("state_dict"), "options": kept["options"]}
    for name, value in kinds.items():
        if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
            raise ValueError(f"{path}: {name} should be a mapping of names; this is no checkpoint of a training here")
    if kept["model"] is None:
        raise ValueError(
            f"{path}: holds the weights of a module of your own, and not its code; build it, and load them with "
            "SaliencyModule.load_from_checkpoint(path, model=net)"
        )
    if not isinstance(kept["model"], str):
        raise ValueError(f"{path}: model should be the name of a network, got {kept['model']!r}")
    return content


def _defaults(build: Callable[..., Any]) -> dict[str, Any]:
    """What each option of a network is where nobody says it."""
    found = inspect.signature(build).parameters
    return {name: one.default for name, one in found.items() if one.default is not inspect.Parameter.empty}


def _plain(value: Any) -> Any:
    """A value as files hold it, which know lists and no tuples."""
    return list(value) if isinstance(value, tuple) else value


def _trained(path: Path, content: Mapping[str, Any], model: str, asked: Mapping[str, Any]) -> Predictor:
    kept = content["hyper_parameters"]
    options = dict(kept["options"])
    _check_agrees(str(path), kept["model"], model)
    build = model_entry(kept["model"]).build if asked else None
    free: tuple[str, ...] = getattr(build, "weightless", ())
    # What a training does not name is as the network has it by itself.
    trained = (_defaults(build) if build else {}) | options
    for key, value in asked.items():
        if key in free:
            options[key] = value
        elif key not in trained or _plain(trained[key]) != _plain(value):
            was = f"with {key}={trained[key]!r}" if key in trained else f"without the option {key}"
            told = f"; of a trained {kept['model']} {', '.join(free)} may be changed" if free else ""
            raise ValueError(
                f"{path}: trained {was}, not {key}={value!r}; leave that out, or give other --weights{told}"
            )
    state = {key: value for key, value in content["state_dict"].items() if key.startswith("net.")}
    other = "trained by another version? give other --weights"
    changed = any(key in free for key in asked)
    try:
        module = SaliencyModule(kept["model"], options, {}, {}, {})
    except ValueError as error:
        raise ValueError(f"{path}: {error}; {'correct --set' if changed else other}") from error
    try:
        own = {key.removeprefix("net."): value for key, value in state.items()}
        load_published(module.net, own, lambda key, value: (key, value))
    except ValueError as error:
        raise ValueError(f"{path}: {error}; {other}") from error
    return Predictor(kept["model"], options, module, str(path), sha256(path))


def _of_authors(path: Path, model: str, asked: Mapping[str, Any]) -> Predictor:
    if not model:
        raise ValueError(
            f"{path}: not a checkpoint of a run here, so it does not say which network it is of; give --model, and "
            "--modality or --set network.<option>=<value> where the weights are of a variant"
        )
    options = {"modality": model_entry(model).modalities[-1], **asked}
    module = SaliencyModule(model, options, {}, {}, {})
    load_published(module.net, path)
    return Predictor(model, options, module, str(path), sha256(path))


def from_store(name: str, store: Path, model: str = "", asked: Mapping[str, Any] | None = None) -> Predictor:
    """The network of published weights that were imported.

    Args:
        name: of the weights.
        store: folder of imported weights.
        model: name in the registry, which has to agree.
        asked: options of the network, beside those of the weights.

    Raises:
        FileNotFoundError: for weights that were not imported, with where they are offered.
        ValueError: for an unknown name, weights of a part of a network, and what does not fit or agree.
    """
    weights = published_weights(name)
    owner = weights_owner(name)
    if weights.build is not None:
        raise ValueError(f"{name}: weights that a part of a network starts from ({weights.what}), not a whole network")
    _check_agrees(name, owner, model)
    options = {"modality": model_entry(owner).modalities[-1], **weights.options, **(asked or {})}
    module = SaliencyModule(owner, options, {}, {}, {})
    loaded = load_weights(module.net, name, store)
    return Predictor(owner, options, module, name, loaded["sha256"])


def _baseline(model: str, asked: Mapping[str, Any], weights: str) -> Predictor:
    if weights:
        raise ValueError(f"{model} is a baseline and has no weights; leave out --weights")
    module = SaliencyModule(model, dict(asked), {}, {}, {})
    if module.net.observes:
        raise ValueError(f"{model} is made of the maps of a training list and cannot predict a video; try centre")
    return Predictor(model, dict(asked), module)


def _check_agrees(weights: str, model: str, asked: str) -> None:
    if asked and asked != model:
        raise ValueError(f"{weights}: weights of {model}, not of {asked}; leave out --model, or give other --weights")

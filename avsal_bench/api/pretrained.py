"""Networks by name, with or without weights."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avsal_bench.bench.workspace import workspace
from avsal_bench.models import registry
from avsal_bench.models.published_weights import PublishedWeights
from avsal_bench.plugins import load_plugins

if TYPE_CHECKING:
    from avsal_bench.models.base import Network
    from avsal_bench.prediction.predictor import Predictor


def list_models(pattern: str | Sequence[str] = "*", pretrained: bool = False) -> list[str]:
    """Names of the networks, sorted; those of plug-ins are among them. No network is imported for it.

    >>> list_models("avrs*")
    ['avrsp']
    >>> "centre" in list_models(pretrained=True)
    False

    Args:
        pattern: of the names, with ``*``, ``?`` and ``[...]`` as in a shell; or several of them.
        pretrained: only those whose authors offer weights of the whole network. The files are not here; see
            ``avsal weights list``.
    """
    load_plugins()
    patterns = [pattern] if isinstance(pattern, str) else pattern
    names = [name for name in registry.list_models() if any(fnmatchcase(name, one) for one in patterns)]
    return [name for name in names if registry.model_facts(name).weights] if pretrained else names


def create_model(name: str, pretrained: bool | str | os.PathLike[str] = False, **options: Any) -> Network:
    """Build a network by its name.

    >>> import avsal_bench
    >>> net = avsal_bench.create_model("centre", sigma=0.3)
    >>> net.spec.frames, net.spec.size
    (1, (32, 32))

    Args:
        name: of the network; see :func:`list_models`.
        pretrained: False for weights drawn at random. True for the weights that the authors published, which must
            have been imported once with ``avsal weights import FOLDER``: nothing is downloaded. The path of a file,
            a checkpoint of a training here (``best.ckpt``) or the authors' own file. Or the name of published weights,
            where a network has several. Weights are loaded strictly: everything fits, or it is an error.
        options: of the network, such as ``modality="v"`` for frames without sound. A checkpoint knows its options;
            those given have to agree with them.

    Returns:
        The network in training mode, an ``nn.Module``. ``net(frames, audio)`` takes normalised float32 frames
        ``(B, 3, T, h, w)`` and the sound as ``net.spec.audio`` gives it, and returns ``(B, h, w)``;
        ``net.to_map(output)`` makes a saliency map of that. :func:`avsal_bench.predict` does all of it for a video.

    Raises:
        ValueError: for an unknown name or option (it suggests the nearest one), for a network without published
            weights, and for weights that do not fit.
        FileNotFoundError: for published weights that were not imported, with where they are offered, and for a file
            that is not there.
        TypeError: for a ``pretrained`` of another kind.
    """
    load_plugins()
    if pretrained is False:
        return registry.create_model(name, **options)
    return pretrained_model(name, pretrained, options).module.net


def pretrained_model(name: str, pretrained: bool | str | os.PathLike[str], options: Mapping[str, Any]) -> Predictor:
    """A network with weights, and what is known of these; see :func:`create_model`."""
    from avsal_bench.prediction.predictor import from_file, from_store

    entry = registry.model_entry(name)
    if not entry.modalities:
        raise ValueError(f"{name} is a baseline and has no weights; leave out `pretrained`")
    store = workspace().weights
    offered = {one.name: one for one in entry.weights if one.build is None}
    if pretrained is True:
        return from_store(_one_of(name, list(offered.values()), store, options), store, name, options)
    if not isinstance(pretrained, str | os.PathLike) or pretrained == "":
        raise TypeError(f"pretrained: expected True, False, a file or the name of weights, got {pretrained!r}")
    if isinstance(pretrained, str) and pretrained in offered and not Path(pretrained).exists():
        return from_store(pretrained, store, name, options)
    return from_file(Path(pretrained), name, options)


def _one_of(name: str, offered: Sequence[PublishedWeights], store: Path, options: Mapping[str, Any]) -> str:
    """Name of the published weights of a network that are meant: those of these options that were imported."""
    if not offered:
        others = ", ".join(list_models(pretrained=True))
        raise ValueError(f"{name} has no published weights; these networks have: {others}. Train it, or give a file")
    agreeing = [one for one in offered if all(one.options.get(k, v) == v for k, v in options.items())]
    if not agreeing:
        known = "; ".join(f"{one.name} ({_said(one.options)})" for one in offered)
        raise ValueError(f"{name} has no published weights with {_said(options)}; it has: {known}")
    here = [one.name for one in agreeing if (store / f"{one.name}.pt").is_file()]
    if len(here) > 1:
        raise ValueError(f"{name}: several weights were imported; say which, such as pretrained={here[0]!r}: {here}")
    if not here:
        first, more = agreeing[0], f" (or {', '.join(one.name for one in agreeing[1:])})" if agreeing[1:] else ""
        raise FileNotFoundError(
            f"{name}: none of its published weights was imported to {store}. Fetch {first.file} of {first.name}{more} "
            f"from its authors ({first.source}; licence: {first.licence}), then `avsal weights import FOLDER`, the "
            "folder being where it lies"
        )
    return here[0]


def _said(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value!r}" for key, value in options.items()) or "its defaults"

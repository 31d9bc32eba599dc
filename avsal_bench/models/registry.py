"""The registry of networks: a name, written by hand in the network's own file, and what builds it.

Names are known from the files of the networks (:mod:`avsal_bench.models.declared`); a file is imported, and torch with
it, when its network is asked for.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from math import inf
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, TypeVar

from avsal_bench.models.declared import ModelFacts, models_in
from avsal_bench.models.published_weights import PublishedWeights
from avsal_bench.names import unknown
from avsal_bench.plugins import enter, load_plugins, unknown_here
from avsal_bench.spec import Modality

if TYPE_CHECKING:
    from avsal_bench.models.base import Network


@dataclass(frozen=True)
class ModelEntry:
    """One line of the registry.

    Args:
        name: of the model.
        build: the class or function that makes the network from its options.
        paper: key of the paper.
        modalities: that ``modality=`` may name; empty for a baseline, which takes none.
        code: ``owner/repo`` of the authors' code, or "" where there is none.
        tiny: options for a version small enough for any test.
        variants: options besides ``modality`` that make another published network, by what they are called.
        marks: further options that a row is told apart by, by what they add to the name of any variant.
        parity: modalities whose output was compared with the authors' code, with the same weights.
        weights: that the authors offer.
        title: name for people, such as ``CASP-Net``; "" for the name itself.
        code_licence: of the authors' code, in the words of its repository, such as ``MIT``; ``not stated`` where its
            repository states none; "" where nobody looked, or there is no code.
    """

    name: str
    build: Callable[..., Network]
    paper: str
    modalities: tuple[Modality, ...] = ()
    code: str = ""
    tiny: dict[str, Any] = field(default_factory=dict)
    variants: dict[str, dict[str, Any]] = field(default_factory=dict)
    marks: dict[str, dict[str, Any]] = field(default_factory=dict)
    parity: tuple[Modality, ...] = ()
    weights: tuple[PublishedWeights, ...] = ()
    title: str = ""
    code_licence: str = ""

    def variant_of(self, options: Mapping[str, Any]) -> str:
        """The variant that some options make, in any modality; "" for none of them."""
        own = {name: {k: v for k, v in its.items() if k != "modality"} for name, its in self.variants.items()}
        fitting = {name: its for name, its in own.items() if all(options.get(k) == v for k, v in its.items())}
        return max(fitting, key=lambda name: len(fitting[name]), default="")

    def label(self, options: Mapping[str, Any]) -> str:
        """Name of the model, its variant and its marks, such as ``mspi-s3d``; the name alone by default."""
        marks = [name for name, own in self.marks.items() if all(options.get(k) == v for k, v in own.items())]
        return "-".join(filter(None, [self.name, self.variant_of(options), *marks]))


#: Networks whose files were imported.
_MODELS: dict[str, ModelEntry] = {}
#: Networks of folders that were looked into, imported or not.
_DECLARED: dict[str, ModelFacts] = {}

N = TypeVar("N", bound="Callable[..., Network]")


def look_in(package: str, folders: Iterable[str]) -> None:
    """Make the networks known whose files lie in the folders of a package; none of the files is imported.

    Raises:
        ValueError: for a name that two files use, and a file that does not write out what it says of its network.
    """
    for name, facts in models_in(package, folders).items():
        if name in _DECLARED:
            raise ValueError(f"model {name!r} is registered twice: in {_DECLARED[name].module} and {facts.module}")
        _DECLARED[name] = facts


def register_model(
    name: str,
    *,
    paper: str,
    modalities: tuple[Modality, ...] = (),
    code: str = "",
    tiny: dict[str, Any] | None = None,
    variants: dict[str, dict[str, Any]] | None = None,
    marks: dict[str, dict[str, Any]] | None = None,
    parity: tuple[Modality, ...] = (),
    weights: tuple[PublishedWeights, ...] = (),
    title: str = "",
    code_licence: str = "",
) -> Callable[[N], N]:
    """Enter a network under ``name``; arguments as in :class:`ModelEntry`. A name used twice is an error."""

    def enter_model(build: N) -> N:
        entry = ModelEntry(
            name,
            build,
            paper,
            modalities,
            code,
            tiny or {},
            variants or {},
            marks or {},
            parity,
            weights,
            title,
            code_licence,
        )
        enter("model", name, entry, _MODELS, own=_DECLARED[name].file if name in _DECLARED else "")
        return build

    return enter_model


def list_models() -> list[str]:
    """Names of all models, sorted."""
    load_plugins()
    return sorted({*_DECLARED, *_MODELS})


def model_facts(name: str) -> ModelFacts:
    """What a listing tells of a model; its file is not imported.

    Raises:
        ValueError: for an unknown name; it suggests the nearest one.
    """
    if name in _MODELS or name not in _DECLARED:
        entry = model_entry(name)
        of_code = (entry.title, entry.code, entry.code_licence)
        return ModelFacts(name, entry.paper, entry.modalities, entry.weights, entry.build.__module__, *of_code)
    return _DECLARED[name]


def model_entry(name: str) -> ModelEntry:
    """The entry of a model, whose file is imported.

    Raises:
        ValueError: for an unknown name; it suggests the nearest one.
    """
    if not isinstance(name, str):
        raise ValueError(f"expected the name of a model, got {name!r}")
    if name not in _MODELS and name in _DECLARED:
        _import(_DECLARED[name].module)
    if name not in _MODELS and name not in (names := list_models()):  # which loads plug-ins
        raise ValueError(unknown_here("model", name, names))
    return _MODELS[name]


def _import(module: str) -> None:
    """Import a file of networks on the CPU, also for who builds on another device: torch 2.6 cannot on ``meta``."""
    import torch

    with torch.device("cpu"):
        import_module(module)


def registered_name(build: object) -> str:
    """Name of the model that a class or a function builds; "" where it builds none."""
    return next((name for name, entry in _MODELS.items() if entry.build is build), "")


def create_model(name: str, **options: Any) -> Network:
    """Build a network by its name; ``options`` are the keyword arguments of its class.

    Raises:
        ValueError: for an unknown name or option, a modality that the network does not have, and options of which no
            network can be built.
    """
    entry = model_entry(name)
    modality = options.get("modality")
    if modality is not None and modality not in entry.modalities:
        known = ", ".join(entry.modalities) or "none"
        raise ValueError(f"{name} has no modality {modality!r}; it has: {known}")
    _check_options(entry, options)
    try:
        net = entry.build(**options)
        net.check_walk()
        return net
    except (ValueError, OSError, MemoryError):
        raise
    except Exception as error:  # a value of another type or size stumbles anywhere: TypeError, RuntimeError, IndexError
        if "can't allocate memory" in str(error):
            raise
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        given = ", ".join(f"{key}={value!r}" for key, value in options.items())
        raise ValueError(f"{name} cannot be built with {given or 'its defaults'}: {reason}") from error


def _check_options(entry: ModelEntry, options: Mapping[str, Any]) -> None:
    known = inspect.signature(entry.build).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in known):
        return
    names = [parameter.name for parameter in known]
    for key in options:
        if key not in names:
            raise ValueError(f"{entry.name}: {unknown('option', key, names)}")
    for parameter in known:
        if parameter.name in options and (expected := _expected(parameter, options[parameter.name])):
            raise ValueError(f"{entry.name}: {parameter.name} is {expected}; got {options[parameter.name]!r}")


#: How options end that are shares.
_SHARES = ("dropout", "drop_path", "momentum")


def _expected(parameter: inspect.Parameter, value: Any) -> str:
    """What an option is, in words, where a value is no such thing; "" where it is one, or nobody can say.

    Kinds are those of the annotations, so that no network need look for itself. What passes here and would be taken
    for another value, as any word is for True, shows nowhere else.
    """
    kind = parameter.annotation
    kind = kind if isinstance(kind, str) else inspect.formatannotation(kind)
    kind, optional = kind.removesuffix(" | None"), kind.endswith(" | None")
    if value is None and optional:
        return ""
    number = isinstance(value, Real) and not isinstance(value, bool)
    if kind == "bool" and not isinstance(value, bool):
        return "True or False"
    if kind == "int" and not _is_whole(value):
        return "a whole number"
    if kind == "float" and not (number and -inf < value < inf):
        return "a number"
    if kind == "float" and parameter.name.endswith("width") and value <= 0:
        return "a multiplier of channels, above 0"
    if kind == "float" and parameter.name.endswith(_SHARES) and not 0 <= value <= 1:
        return "from 0 to 1"
    if (kind == "tuple[int, int]" or parameter.name == "size") and not _is_pair(value):
        return "(height, width), two whole numbers of pixels"
    return ""


def _is_pair(value: Any) -> bool:
    whole = isinstance(value, Sequence) and all(_is_whole(side) for side in value)
    return whole and len(value) == 2


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)  # which Python counts as 0 and 1

"""Weights that authors publish: opened safely and loaded strictly.

A file is opened without running anything that is in it. Each entry of it must have a place, each of our places an
entry, and all must agree in shape; where one does not, the network stays as it was and the error lists everything.
"""

from __future__ import annotations

import re
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from avsal_bench.models.base import Network
from avsal_bench.models.published_weights import Rename
from avsal_bench.models.registry import registered_name
from avsal_bench.models.weights.numpy_files import RefusedError, read_arrays
from avsal_bench.text import many

#: Where a training script may have put the state dict in its checkpoint.
_WRAPPERS = ("state_dict", "model_state_dict", "model_state", "model", "net", "student_model")

#: What to do about a damaged file of authors.
FETCH = "fetch it again"
#: Errors list this many entries of a kind.
_LISTED = 20


class Loaded(NamedTuple):
    """What became of the entries of a file, by the authors' names without ``module.``."""

    loaded: tuple[str, ...]
    without_effect: tuple[str, ...]
    """Entries that the network does without, because they have no effect on its output."""


def load_published(net: nn.Module, source: str | Path | Mapping[str, Tensor], rename: Rename | None = None) -> Loaded:
    """Load the authors' weights strictly: everything fits, or nothing is changed.

    Counters ``num_batches_tracked`` may lack; torch before 0.4 had none, and they have no effect here. So may what a
    backbone names in ``may_lack``, prefixes of its entries, which then stay as they start.

    Args:
        net: a network, or a backbone.
        source: the authors' file, or their state dict.
        rename: gives our name and value for an entry; by default ``net.rename_published`` of a network, and the
            same names for any other module.

    Raises:
        FileNotFoundError, ValueError: for a file that cannot be read; see :func:`read_state`.
        ValueError: listing all entries that are missing, lead nowhere, meet another one at the same place, or have
            another shape, another type or values that are not finite.
    """
    if rename is None:
        rename = net.rename_published if isinstance(net, Network) else _same_name
    if isinstance(source, Mapping):
        return _fit(net, _without_module(source, "the state dict"), rename, "the state dict")
    return _fit(net, _entries(Path(source)), rename, str(source))


def read_state(source: str | Path) -> dict[str, Tensor]:
    """Read the state dict in a checkpoint, without running code that the file may hold.

    It is the whole file, or lies in it under ``state_dict``, ``model_state_dict``, ``model_state``, ``model``, ``net``
    or ``student_model``. The prefix ``module.``, which DataParallel adds, is taken off.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: naming the file and what to do, when it is damaged, is no checkpoint, holds pickled objects, or
            anything but tensors in the state dict.
    """
    entries = _entries(Path(source))
    if strange := [f"{key} ({type(value).__name__})" for key, value in entries.items() if not _is_plain(value)]:
        raise ValueError(f"{source}: {_some('is no tensor', 'are no tensors', strange, len(entries))}")
    return entries


def _fit(net: nn.Module, entries: Mapping[str, Any], rename: Rename, source: str) -> Loaded:
    """Find the place of every entry, and fill all places when all fit."""
    own = net.state_dict()
    placed: dict[str, Tensor] = {}
    names: dict[str, str] = {}
    without_effect: list[str] = []
    strange, extra, double, shapes, infinite = [], [], [], [], []
    for key, value in entries.items():
        if not _is_plain(value):
            strange.append(f"{key} ({type(value).__name__})")
            continue
        try:
            renamed = rename(key, value)
        except (RuntimeError, IndexError) as error:  # of a view that this shape does not have
            shapes.append(f"{key} {tuple(value.shape)} ({str(error).splitlines()[0]})")
            continue
        if renamed is None:
            without_effect.append(key)
            continue
        name, value = renamed
        label = key if key == name else f"{key} (here {name})"
        if name not in own:
            extra.append(label)
        elif name in names:
            double.append(f"{names[name]} and {key} (here {name})")
        else:
            names[name] = key
            expected = own[name]
            if value.shape != expected.shape or value.is_floating_point() != expected.is_floating_point():
                shapes.append(f"{label} {_form(value)}, expected {_form(expected)}")
                continue
            placed[name] = value.to(expected.dtype)
            if not placed[name].isfinite().all():
                infinite.append(label)
    may_lack: tuple[str, ...] = getattr(net, "may_lack", ())
    missing = [
        name
        for name in own
        if name not in names and not name.endswith("num_batches_tracked") and not name.startswith(may_lack)
    ]
    problems = [
        _some("is missing", "are missing", missing, len(own), "our"),
        _some("leads nowhere", "lead nowhere", extra, len(entries)),
        _some("has another shape or type", "have another shape or type", shapes, len(entries)),
        _some("meets another at one place", "meet another at one place", double, len(entries)),
        _some("is no tensor", "are no tensors", strange, len(entries)),
        _some("holds NaN or infinity", "hold NaN or infinity", infinite, len(entries)),
    ]
    if any(problems):
        lines = [f"{source}: does not fit {_describe(net)}", *filter(None, problems)]
        if 2 * len(missing) > len(own) or 2 * len(extra) > len(entries):
            lines.append("is this the file of another network?")
        raise ValueError("\n  ".join(lines))
    net.load_state_dict(placed, strict=False)  # only counters lack, and what may
    return Loaded(tuple(names.values()), tuple(without_effect))


def _same_name(key: str, value: Tensor) -> tuple[str, Tensor]:
    return key, value


def _is_plain(value: object) -> bool:
    return isinstance(value, Tensor) and value.layout is torch.strided and not value.is_quantized


def _form(value: Tensor) -> str:
    return f"{tuple(value.shape)} {str(value.dtype).removeprefix('torch.')}"


def _some(one: str, several: str, found: list[str], total: int, whose: str = "its") -> str:
    """Line about some entries, or "" for none.

    >>> _some("is missing", "are missing", ["a", "b"], 7)
    '2 of its 7 entries are missing: a, b'
    """
    if not found:
        return ""
    more = f" and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
    verb = one if len(found) == 1 else several
    return (
        f"{len(found)} of {whose} {many(total, 'entry', plural='entries')} {verb}: {', '.join(found[:_LISTED])}{more}"
    )


def _describe(net: nn.Module) -> str:
    """What the user asked for: the name in the registry and whether it hears, else the class."""
    name = registered_name(type(net))
    if isinstance(net, Network) and name:
        return f"{name} ({'frames only' if net.spec.audio is None else 'with sound'})"
    return type(net).__name__


def _entries(path: Path) -> dict[str, Any]:
    """The state dict in a file, as it is, without ``module.``; of values that may be anything."""
    content = open_safely(path)
    if not isinstance(content, Mapping):
        raise ValueError(f"{path}: holds no state dict but one {type(content).__name__}; is this a file of weights?")
    found = [name for name in _WRAPPERS if isinstance(content.get(name), Mapping)]
    if len(found) > 1:
        raise ValueError(f"{path}: holds several state dicts, {', '.join(found)}; save the one to use by itself")
    state = content[found[0]] if found else content
    if not any(isinstance(value, Tensor) for value in state.values()):
        inside = ", ".join(str(key) for key in list(content)[:_LISTED]) or "nothing"
        raise ValueError(
            f"{path}: no tensors where a state dict is expected (the whole file, or its {' | '.join(_WRAPPERS)}); "
            f"it holds: {inside}"
        )
    return _without_module(state, str(path))


def _without_module(state: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Entries without DataParallel's prefix, which may stand there several times."""
    entries: dict[str, Any] = {}
    double = []
    for key, value in state.items():
        name = re.sub(r"^(module\.)+", "", str(key))
        if name in entries:
            double.append(name)
        entries[name] = value
    if double:
        kind = _some("stands there", "stand there", double, len(state))
        raise ValueError(f"{source}: {kind}, both with and without the prefix module.; save the ones to use")
    return entries


def open_safely(path: Path, mend: str = FETCH) -> object:
    """Content of a checkpoint, of plain values and tensors only, without running code that the file may hold.

    Args:
        path: of the file.
        mend: what to do about a damaged one.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: naming the file and what to do.
    """
    _check_container(path, mend)
    if path.suffix == ".npy":
        try:
            return read_arrays(path)
        except RefusedError as error:
            raise _holds_objects(path, str(error), mend) from error
        except ValueError as error:
            raise ValueError(f"{path}: {error}; {mend}") from error
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # torch raises whatever its reader stumbles over: UnpicklingError, RuntimeError, EOFError, IndexError, KeyError.
        if found := re.search(r"GLOBAL (\S+)|type (\S+) was not an allowed|(TorchScript)", str(error)):
            raise _holds_objects(path, next(filter(None, found.groups())), mend) from error
        raise ValueError(f"{path}: damaged, or no checkpoint of torch ({type(error).__name__}); {mend}") from error


def _check_container(path: Path, mend: str) -> None:
    """Look at the outside of a file for what torch.load would answer in riddles."""
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file; expected weights there; {mend}")
    if not path.is_file():
        raise ValueError(f"{path}: is a folder; name the file of weights in it")
    with path.open("rb") as file:
        start = file.read(512)
    if not start:
        raise ValueError(f"{path}: empty; {mend}")
    if start.lstrip()[:1] == b"<":
        raise ValueError(f"{path}: a web page, not weights: the download asked for something; fetch it in a browser")
    if start.startswith(b"version https://git-lfs"):
        raise ValueError(f"{path}: a pointer of Git LFS, not weights; fetch the file itself with `git lfs pull`")
    if start.startswith(b"\x89HDF\r\n\x1a\n"):
        raise ValueError(f"{path}: HDF5, as Keras writes it; convert it to a state dict first (see the network's file)")
    if start.startswith(b"PK"):
        _check_zip(path, mend)
    elif tarfile.is_tarfile(path):
        try:
            with tarfile.open(path) as archive:
                names = archive.getnames()
        except (tarfile.TarError, EOFError, OSError) as error:
            raise ValueError(f"{path}: cut off or damaged ({error}); {mend}") from error
        if "storages" in names:
            raise _holds_objects(path, "written by torch before 0.2", mend)
        raise ValueError(f"{path}: a tar archive and no checkpoint of torch; unpack it, and give what is in it")


def _check_zip(path: Path, mend: str) -> None:
    """Checksums of a zip archive, which is what torch.save writes since 1.6; torch.load does not compare them."""
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
            names = archive.namelist()
    except Exception as error:  # whatever zipfile stumbles over; damaged names are even a UnicodeDecodeError
        raise ValueError(f"{path}: cut off or damaged ({error}); {mend}") from error
    if damaged:
        raise ValueError(f"{path}: damaged (the checksum of {damaged} in it differs); {mend}")
    if not any(name.endswith("data.pkl") for name in names):
        raise ValueError(f"{path}: a zip archive and no checkpoint of torch; unpack it, and give what is in it")


def _holds_objects(path: Path, what: str, mend: str) -> ValueError:
    """The error for a file that only pickle opens, which runs whatever the file says."""
    text = f"{path}: holds more than tensors ({what}), and opening that could run any code, so it was not opened"
    if mend != FETCH:
        return ValueError(f"{text}; {mend}")
    return ValueError(
        f"{text}. Ask who made it for the tensors alone (a state dict, best as .safetensors). If you trust the file, "
        "save its state dict by itself in a container that has nothing to lose, and give the new file with --as NAME"
    )

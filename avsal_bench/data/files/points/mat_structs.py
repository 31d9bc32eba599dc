"""Numbers in a struct of MATLAB, of files of version 5 to 7 (scipy) and 7.3 (h5py, an extra); of anyone, so bounded."""

from __future__ import annotations

import io
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from avsal_bench.files import regular_file

#: Bytes of a file, packed and unpacked, and numbers of a field, at most.
_MOST, _MOST_UNPACKED, _MOST_NUMBERS = 64_000_000, 256_000_000, 16_000_000
#: Kind of a part of a .mat file that is packed, and bytes before the first part; 7.3 begins where 5 ends its header.
_PACKED, _HEADER, _HDF5_AT = 15, 128, 512
_HDF5 = b"\x89HDF\r\n\x1a\n"


def struct_fields(path: Path, variable: str, fields: Collection[str]) -> dict[str, NDArray[Any]]:
    """Fields of a struct of a .mat file, numbers each, of the shape that MATLAB shows.

    Args:
        path: of the file.
        variable: name of the struct, which is a single one.
        fields: that it must have.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: naming the file, for one that cannot be read, lacks a field, holds what is no number, or is too
            large to be believed; and for version 7.3 without h5py, saying how to have it.
    """
    data = regular_file(path, _MOST, links=True).read_bytes()
    read = _of_hdf5 if data[:8] == _HDF5 or data[_HDF5_AT : _HDF5_AT + 8] == _HDF5 else _of_version_5
    try:
        found = read(path, data, variable, fields)
    except ImportError:
        raise ValueError(
            f"{path}: a .mat file of version 7.3, which h5py reads: pip install 'avsal-bench[hdf5]', or save the file "
            "with -v7 in MATLAB"
        ) from None
    except ValueError:
        raise
    except Exception as error:  # scipy and h5py raise many kinds for damaged files
        raise ValueError(f"unreadable file {path} ({str(error) or type(error).__name__}); fetch it again") from error
    for name, values in found.items():
        if values.dtype.kind not in "buif" or values.size > _MOST_NUMBERS:
            raise ValueError(
                f"{path}: {variable}.{name} is no array of numbers ({values.dtype}, {values.shape}); fetch it again"
            )
    return found


def _of_version_5(path: Path, data: bytes, variable: str, fields: Collection[str]) -> dict[str, NDArray[Any]]:
    import scipy.io  # takes long to import, and few sets need it

    _check_unpacked(path, data)
    try:
        value = scipy.io.loadmat(io.BytesIO(data), variable_names=[variable]).get(variable)
    except Exception as error:  # scipy raises many kinds for damaged files
        raise ValueError(f"unreadable file {path} ({str(error) or type(error).__name__}); fetch it again") from error
    names = None if value is None else np.asarray(value).dtype.names
    if names is None or np.asarray(value).size != 1:
        raise ValueError(f"{path}: no single struct {variable!r} in it; fetch it again")
    _check_there(path, variable, fields, names)
    one = np.asarray(value).ravel()[0]
    return {name: np.asarray(one[name]) for name in fields}


def _of_hdf5(path: Path, data: bytes, variable: str, fields: Collection[str]) -> dict[str, NDArray[Any]]:
    import h5py

    def own(group: Any, name: str, kind: type) -> Any:
        """What lies in this file itself: a link to another one is not followed."""
        if not isinstance(group.get(name, getlink=True), h5py.HardLink | None) or not isinstance(group.get(name), kind):
            raise ValueError(f"{path}: {name!r} in it is no {kind.__name__.lower()} of its own; fetch it again")
        return group[name]

    with h5py.File(io.BytesIO(data), "r") as file:
        if variable not in file:
            raise ValueError(f"{path}: no single struct {variable!r} in it; fetch it again")
        struct = own(file, variable, h5py.Group)
        _check_there(path, variable, fields, struct.keys())
        found = {}
        for name in fields:
            values = own(struct, name, h5py.Dataset)
            chunk = int(np.prod(values.chunks or (0,), dtype=np.float64))
            if values.external or values.is_virtual or max(values.size, chunk) > _MOST_NUMBERS:
                raise ValueError(
                    f"{path}: {variable}.{name} says {values.shape} numbers, or lies elsewhere; fetch it again"
                )
            # An empty array is kept as its shape; others with their axes the other way round.
            found[name] = np.zeros((0, 0)) if "MATLAB_empty" in values.attrs else np.asarray(values[()]).T
        return found


def _check_there(path: Path, variable: str, fields: Collection[str], there: Collection[str]) -> None:
    if lacking := [name for name in fields if name not in there]:
        raise ValueError(f"{path}: {variable} has no field {', '.join(lacking)}; fetch it again")


def _check_unpacked(path: Path, data: bytes) -> None:
    """Refuse a file whose packed parts would take more memory than any such file needs."""
    order: Literal["little", "big"] = "big" if data[_HEADER - 2 : _HEADER] == b"MI" else "little"
    at, room = _HEADER, _MOST_UNPACKED
    while at + 8 <= len(data):
        kind, length = (int.from_bytes(data[k : k + 4], order) for k in (at, at + 4))
        if kind == _PACKED:
            unpacking = zlib.decompressobj()
            rest = data[at + 8 : at + 8 + length]
            while rest and room >= 0 and not unpacking.eof:
                room -= len(unpacking.decompress(rest, 1 << 20))
                rest = unpacking.unconsumed_tail
        if room < 0:
            raise ValueError(f"{path}: it unpacks to more than {_MOST_UNPACKED:,} bytes, which is no gaze of a video")
        at += 8 + length

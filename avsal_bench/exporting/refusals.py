"""What stands in the way of an export, in a line: the operator and the reason."""

from __future__ import annotations

import re
from collections.abc import Iterator

#: Names of operators in the errors of torch and of its exporters.
_OPERATOR = re.compile(r"\b(?:aten|torchvision|prims|quantized)(?:::|\.)\w+(?:\.\w+)?")
_LONGEST = 240


class NotExportable(ValueError):
    """A network that a format cannot hold; the message says why."""


def refusal(error: BaseException) -> str:
    """Why an export failed: the operator, where the error names one, and the reason in the words of who failed.

    >>> refusal(RuntimeError("No decompositions registered for [aten._fft_r2c.default]"))
    'operator aten._fft_r2c.default: No decompositions registered for [aten._fft_r2c.default]'
    >>> refusal(ValueError("the frames are too small"))
    'ValueError: the frames are too small'
    """
    chain = list(_chain(error))
    texts = [str(one) for one in chain]
    operator = next((found for text in reversed(texts) if (found := _operator(text))), "")
    # The last of the chain is what happened first; an exporter's words around it are the same for all.
    first = next((text for text in reversed(texts) if text.strip()), type(error).__name__)
    line = " ".join(next(line for line in first.splitlines() if line.strip()).split())
    if len(line) > _LONGEST:
        line = f"{line[:_LONGEST]}..."
    return f"operator {operator}: {line}" if operator else f"{type(chain[-1]).__name__}: {line}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error, what it came from, and so on; none twice."""
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__


def _operator(text: str) -> str:
    found = _OPERATOR.search(text)
    return found[0].replace("::", ".") if found else ""

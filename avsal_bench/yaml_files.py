"""YAML of files and of ``key=value`` words; what is broken is said with its place.

What a stranger wrote stays bounded: the size of a file, how much aliases repeat, how deep values lie in each other.
A key that stands twice in one mapping is an error: YAML would take the last without a word.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

import yaml

#: Bytes of a file; values of one text, those that aliases repeat counted as often as they are repeated; levels of them.
MOST_BYTES, MOST_VALUES, MOST_LEVELS = 2**20, 100_000, 64
#: Characters of a text whose values are kept: a recipe is asked for again and again, and takes milliseconds each time.
KEPT = 2**16


#: Where values stand: the line of each, by the keys and numbers that lead to it.
Lines: TypeAlias = "dict[tuple[str | int, ...], int]"


def read_yaml(path: Path, lines: Lines | None = None) -> Any:
    """Plain values of a file.

    Args:
        path: of the file.
        lines: where to put the line of each value; of one in a mapping it is that of its key.

    Raises:
        OSError: for a file that cannot be read.
        ValueError: naming the file, and the line if it is known, for what is not YAML.
    """
    if path.exists() and not path.is_file():
        raise ValueError(f"{path}: expected a file of YAML, and this is none")
    if path.is_file() and path.stat().st_size > MOST_BYTES:
        raise ValueError(f"{path}: {path.stat().st_size} bytes, expected at most {MOST_BYTES}; is this the right file?")
    return _parse(path.read_bytes(), str(path), lines)


def read_setting(text: str, example: str) -> tuple[str, Any]:
    """Key and value of ``key=value``; the value is read as YAML.

    Raises:
        ValueError: for another form, with an example of the right one, and for a value that is not YAML.

    >>> read_setting("network.size=[64, 96]", "network.frames=16")
    ('network.size', [64, 96])
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ValueError(f"expected key=value, such as {example}, got {text!r}")
    return key.strip(), _parse(value, text if len(text) <= 80 else f"{text[:77]}...")


def _parse(content: str | bytes, where: str, lines: Lines | None = None) -> Any:
    try:
        text = _text(content)
        return _values(text, lines) if lines is not None or len(text) > KEPT else deepcopy(_known(text))
    except RecursionError as error:
        raise ValueError(
            f"{where}: over {MOST_LEVELS} levels of values in each other; is this the right file?"
        ) from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{where}: the text is not UTF-8; save it as UTF-8") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that does not exist
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark and isinstance(content, bytes) else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise ValueError(f"{where}{line}: not YAML: {problem}") from error


def _text(content: str | bytes) -> str | bytes:
    """Text of bytes in UTF-8; those in UTF-16, which start with a mark, are YAML's to read.

    Raises:
        UnicodeDecodeError: for bytes of another encoding.
    """
    if isinstance(content, str) or content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content
    return content.decode("utf-8-sig")


def _values(content: str | bytes, lines: Lines | None) -> Any:
    """As ``yaml.safe_load``, of a text whose size as values is looked at before they are made."""
    loader = yaml.SafeLoader(content)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _size(node, {}, 0)
        if lines is not None:
            lines.update(_lines(node, (), node.start_mark.line + 1))
        return loader.construct_document(node)
    finally:
        loader.dispose()


@lru_cache(maxsize=64)
def _known(text: str | bytes) -> Any:
    """The values of a text; who gets them changes a copy."""
    return _values(text, None)


def _lines(node: yaml.Node, place: tuple[str | int, ...], line: int) -> Iterator[tuple[tuple[str | int, ...], int]]:
    """The place of a node and of each in it, with its line."""
    yield place, line
    if isinstance(node, yaml.SequenceNode):
        for number, part in enumerate(node.value):
            yield from _lines(part, (*place, number), part.start_mark.line + 1)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                yield from _lines(value, (*place, key.value), key.start_mark.line + 1)


def _size(node: yaml.Node, known: dict[int, int], level: int) -> int:
    """How many values a node stands for.

    Raises:
        RecursionError: for one that is nested too deep, or holds itself.
        yaml.YAMLError: for one that is too large, or a mapping with a key twice.
    """
    if level > MOST_LEVELS:
        raise RecursionError
    if id(node) not in known:
        size = 1 + sum(_size(part, known, level + 1) for part in _parts(node))
        if size > MOST_VALUES:
            raise _error(f"over {MOST_VALUES} values, with those that aliases repeat", node)
        known[id(node)] = size
    return known[id(node)]


def _parts(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        yield from node.value
    elif isinstance(node, yaml.MappingNode):
        keys = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                if (key.tag, key.value) in keys:
                    raise _error(f"the key {key.value!r} stands twice", key)
                keys.add((key.tag, key.value))
            yield from (key, value)


def _error(problem: str, node: yaml.Node) -> yaml.YAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)

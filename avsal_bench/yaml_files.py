"""YAML of files and of ``key=value`` words; what is broken is said with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml


def read_yaml(path: Path) -> Any:
    """Plain values of a file.

    Raises:
        OSError: for a file that cannot be read.
        ValueError: naming the file, and the line if it is known, for what is not YAML.
    """
    return _parse(path.read_bytes(), str(path))


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
    return key.strip(), _parse(value, text)


def _parse(content: str | bytes, where: str) -> Any:
    try:
        return yaml.safe_load(content)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that does not exist
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark and isinstance(content, bytes) else ""
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise ValueError(f"{where}{line}: not YAML: {problem}") from error

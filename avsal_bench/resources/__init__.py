"""Files that come with the package: recipes, ablation tables, expected and published scores, references, times.

They lie in this folder, in a clone and in an installed package alike, and a run only reads them. What it writes lies
below :func:`home`.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["clone", "folder_of", "home", "resource"]

_HERE = Path(__file__).resolve().parent
_ROOT = _HERE.parents[1]
#: What the pyproject.toml beside the package says where that is a clone: other packages leave such files about too.
_NAMED = 'name = "avsal-bench"'


def resource(*parts: str) -> Path:
    """A file or a folder of the package.

    >>> resource("recipes", "centre.yaml").name
    'centre.yaml'

    Args:
        parts: names below the folder of resources, such as ``"recipes", "avrsp.yaml"``; none is that folder.

    Raises:
        FileNotFoundError: for what the package does not have.
    """
    path = _HERE.joinpath(*parts)
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing from avsal-bench; install the package anew")
    return path


def clone() -> Path | None:
    """The clone, or the unpacked source distribution, that the package is imported from; None for an installed one."""
    project = _ROOT / "pyproject.toml"
    return _ROOT if project.is_file() and _NAMED in project.read_text(encoding="utf-8") else None


def folder_of(variable: str) -> Path | None:
    """The folder that a variable of the environment names; None where it is unset or blank.

    ``~`` is the home folder: a shell leaves it alone within quotes, and other programs always do.

    Args:
        variable: such as ``AVSAL_DATA``.

    Raises:
        ValueError: for ``~`` of a user without a home folder.
    """
    text = os.environ.get(variable, "")
    try:
        return Path(text).expanduser() if text.strip() else None
    except RuntimeError:
        raise ValueError(f"{variable}: no home folder for {text}; write the folder out") from None


def home() -> Path:
    """The folder below which data, runs, weights and the leaderboard lie, as long as no option says otherwise.

    ``AVSAL_HOME``; else the clone that the package is imported from; else the working folder.
    """
    return folder_of("AVSAL_HOME") or clone() or Path.cwd()

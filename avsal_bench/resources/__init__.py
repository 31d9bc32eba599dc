"""Files that come with the package: recipes, ablation tables, expected and published scores, references, times.

They lie in this folder, in a clone and in an installed package alike, and are read only: what a run writes lies in the
folders of :mod:`avsal_bench.bench.workspace`.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["resource"]

_HERE = Path(__file__).resolve().parent


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

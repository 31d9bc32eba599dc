"""Small real files, which are no part of the project: a folder ``real`` beside the checkout.

A test that needs them names one, ``real("diem_gaze")``, and is skipped with a plain reason where they are missing::

    GAZE = "dhf1k_002/gaze"

    @needs_real(GAZE)
    def test_it():
        read(real(GAZE, "P01_Trail002.txt"))

``REAL_FILES`` in the environment is the folder where it lies elsewhere.
"""

import os
from pathlib import Path

import pytest

#: Where the real files are, whether they are there or not.
REAL = Path(os.environ.get("REAL_FILES") or Path(__file__).resolve().parents[2] / "shared" / "real")


def _missing(path: Path) -> str:
    return "" if path.exists() else f"no ../shared/real here: {path} is missing (or set REAL_FILES)"


def real(*parts: str) -> Path:
    """A real file or folder; skips the test that asks for one that is not there."""
    path = REAL.joinpath(*parts)
    if reason := _missing(path):
        pytest.skip(reason)
    return path


def needs_real(*names: str) -> pytest.MarkDecorator:
    """Marks a test, or with ``pytestmark`` a file of tests, that needs these real files or folders."""
    reasons = [reason for reason in (_missing(REAL / name) for name in names or (".",)) if reason]
    return pytest.mark.skipif(bool(reasons), reason="; ".join(reasons))

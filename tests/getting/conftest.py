"""The server that all tests of this folder share, and no pauses."""

import pytest
from odd_server import server  # noqa: F401

from avsal_bench.getting import download


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    """Further tries come at once."""
    monkeypatch.setattr(download, "PAUSES", (0.0, 0.0))

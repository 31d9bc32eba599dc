"""Plug-ins of a test are unknown to the next one: fixtures of all tests here, which import them by name."""

import sys

import pytest
from conftest import HOME

from avsal_bench.plugins import entries, importing


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    """Registries, modules, paths and the environment are as they were when a test has ended."""
    monkeypatch.setenv(importing.PLUGINS, "")  # so that it is put back last, whatever a test does with it
    monkeypatch.delenv(importing.PLUGINS)
    monkeypatch.setattr(importing, "_loaded", {})
    monkeypatch.setattr(importing, "_looked_at_packages", True)
    monkeypatch.setattr(sys, "path", [*sys.path])
    before, modules = entries.entered(), set(sys.modules)
    yield
    entries.take_back(entry for entry in entries.entered() if entry not in before and "avsal_bench" not in entry.file)
    for name in set(sys.modules) - modules:
        if not name.startswith(("avsal_bench", "torch")) and _of_a_test(name):
            del sys.modules[name]


def _of_a_test(name):
    file = str(getattr(sys.modules[name], "__file__", ""))
    return "pytest-" in file or file.startswith(str(HOME / "examples"))


@pytest.fixture
def write(tmp_path):
    """Write a file of a plug-in; returns its path."""

    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write

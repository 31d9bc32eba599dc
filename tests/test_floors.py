"""Imports go down the floors of docs/ARCHITECTURE.md only."""

import ast
import sys
from pathlib import Path

import pytest

import avsal_bench

PACKAGE = Path(avsal_bench.__file__).parent

#: What each part may import of the others; what is not named here imports nothing of the package.
GROUND = {"spec", "audio", "audio_avc", "audio_spectra", "records", "names", "progress", "text", "workers"}
BENCH = {"data", "models", "metrics", "training", "evaluation"}
#: Groups of commands, each in a file of its own.
COMMANDS = {
    f"cli_{name}"
    for name in (
        "analyse",
        "bench",
        "data",
        "hear",
        "models",
        "predict",
        "pseudo",
        "publish",
        "retention",
        "switch",
        "weights",
    )
}
FLOORS = {
    "spec": {"audio"},
    "audio_avc": {"audio"},
    "audio_spectra": {"audio"},
    "data": GROUND,
    "models": GROUND,
    "metrics": GROUND,
    "training": GROUND | {"data", "models", "metrics"},
    "evaluation": GROUND | {"data", "models", "metrics"},
    "leaderboard": {"records", "names", "text"},
    "bench": GROUND | BENCH,
    **dict.fromkeys(COMMANDS, GROUND | BENCH | {"bench"}),
    "cli_bench": GROUND | BENCH | {"bench", "leaderboard"},
    "cli_analyse": GROUND | BENCH | {"bench", "leaderboard", "cli_bench"},
    "cli_hear": GROUND | BENCH | {"bench", "leaderboard", "cli_bench"},
    "cli_switch": GROUND | BENCH | {"bench", "leaderboard", "cli_bench"},
    "cli_pseudo": GROUND | BENCH | {"bench", "leaderboard", "cli_bench"},
    "cli_publish": GROUND | BENCH | {"bench", "leaderboard", "cli_bench"},
    "cli": GROUND | BENCH | {"bench", "leaderboard"} | COMMANDS,
}
FILES = sorted(PACKAGE.rglob("*.py"))


def part(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(path: Path) -> set[str]:
    """Parts of the package that a file imports, at its top or inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        modules = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            modules = [f"{node.module}.{alias.name}" for alias in node.names]
        found |= {m.split(".")[1] for m in modules if m.startswith("avsal_bench.")}
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_imports_go_down(path):
    allowed = FLOORS.get(part(path), set()) | {part(path)}
    upwards = imports(path) - allowed
    assert not upwards, f"{path.relative_to(PACKAGE)} imports {upwards} from a floor above or beside it"


def test_records_and_names_use_the_standard_library_only():
    for name in ("records", "names", "text"):
        tree = ast.parse((PACKAGE / f"{name}.py").read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                module = node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
                assert str(module).split(".")[0] in sys.stdlib_module_names


def test_networks_know_neither_lightning_nor_data():
    for path in (PACKAGE / "models").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "lightning" not in text.replace("pytorch-lightning", ""), path

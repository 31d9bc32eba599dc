"""The layers of the package are those of docs/ARCHITECTURE.md, and a stranger finds his way in each of its folders."""

import re
import statistics
import sys
from collections import defaultdict
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from import_graph import chain, cycle, import_graph, modules

import avsal_bench

PACKAGE = Path(avsal_bench.__file__).parent
DOCS = Path(__file__).resolve().parents[1] / "docs" / "ARCHITECTURE.md"
FILES = modules(PACKAGE)
FOLDERS = sorted({path.parent for path in FILES.values()})
#: Read by the one process that asks.
graph = cache(lambda: import_graph(PACKAGE))

#: Files of one name in two folders, on purpose: the network and its encoder, or the classifier and its encoder.
TWINS = {"image_saliency.py", "avid.py"}
#: What needs nothing but Python, so that anything may import it.
STANDARD_LIBRARY = ("names", "files", "means", "strays", "typed")
#: What reads records, for which pydantic is all that is needed besides.
LIGHT = ("records", "record_form", "record_metrics", "record_story", "record_story.seen")
LIGHT += ("record_story.same_but_sound", "record_story.story_forms", "plain_values")
FORMS = ("pydantic", "pydantic_core", "typing_extensions")


def pictures() -> dict[str, list[list[str]]]:
    """The pictures of layers in the docs: by folder the layers from top to bottom, each with its rooms."""
    blocks = re.findall(r"```layers (\S+)\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    return {
        folder: [re.split(r"\s{2,}", line.partition("#")[0].strip()) for line in text.strip().splitlines()]
        for folder, text in blocks
    }


def room(module: str, folder: str) -> str:
    """The room of ``folder``, a file or a folder, that a module lies in; "" outside, and for its ``__init__``."""
    return module.removeprefix(f"{folder}.").split(".")[0] if module.startswith(f"{folder}.") else ""


@pytest.mark.parametrize("folder", pictures())
def test_imports_go_down_the_layers_of_the_docs(folder):
    layers = pictures()[folder]
    height = {name: number for number, layer in enumerate(reversed(layers)) for name in layer}
    assert sorted(name for layer in layers for name in layer) == sorted(
        {*filter(None, (room(m, folder) for m in FILES))}
    )
    upwards = [
        f"{name} imports {other}"
        for name, others in graph().items()
        for other in sorted(others)
        if room(name, folder) and room(other, folder) and room(name, folder) != room(other, folder)
        if height[room(name, folder)] <= height[room(other, folder)]
    ]
    assert not upwards


def test_there_is_a_picture_of_the_whole_and_of_every_room_with_rooms():
    with_rooms = {".".join(f.relative_to(PACKAGE.parent).parts[:2]) for f in FOLDERS if f.parent.parent == PACKAGE}
    assert {"avsal_bench", *with_rooms} - {
        "avsal_bench.cli"
    } <= pictures().keys()  # commands with commands of their own


def test_nothing_is_imported_in_a_circle():
    assert cycle(graph()) == []


@pytest.mark.parametrize(
    "back",
    [
        "from made.low import word",
        "def late():\n    from made import low",
        "from importlib import import_module\n\ndef late():\n    return import_module('made.low')",
        "COMMAND = ['python', '-m', 'made.low']",
        "from . import low",
        "import made.low as other",
        "from importlib import import_module\nfrom pkgutil import iter_modules\nimport_all = iter_modules(__path__)",
    ],
)
def test_a_circle_is_found_however_it_is_hidden(tmp_path, back):
    package = tmp_path / "made"
    package.mkdir()
    walks = "__path__" in back
    (package / "__init__.py").write_text(back if walks else "")
    (package / "low.py").write_text("from made import high\n" if not walks else "import made\nword = made\n")
    (package / "high.py").write_text("" if walks else back)
    assert set(cycle(import_graph(package))) == ({"made", "made.low"} if walks else {"made.low", "made.high"})


def test_what_only_speaks_of_a_module_is_no_import(tmp_path):
    package = tmp_path / "made"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "low.py").write_text(
        '"""See :mod:`made.high`."""\nPATH = "docs/made/high.py"\nword = 1\n"""made.high"""\n'
    )
    (package / "high.py").write_text("from made.low import word")
    assert import_graph(package)["made.low"] == set()
    assert chain(import_graph(package), {"made.low", "made.high"}) == ["made.high", "made.low"]


def test_folders_are_small_and_chains_in_them_short():
    for folder in [*FOLDERS, *{path.parent for path in Path(__file__).parent.rglob("*.py")}]:
        assert len(list(folder.glob("*.py"))) <= 20, f"{folder} has over 20 modules"
    for folder in FOLDERS:
        inside = {name for name, path in FILES.items() if path.parent == folder and path.name != "__init__.py"}
        assert len(chain(graph(), inside)) <= 5, f"{folder}: {' -> '.join(chain(graph(), inside))}"


def test_modules_are_short():
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in FILES.values()}
    assert max(lines.values()) <= 400, max(lines, key=lines.__getitem__)
    assert statistics.median(lines.values()) < 140


def test_a_name_of_a_file_says_which_file_is_meant():
    places = defaultdict(list)
    for path in FILES.values():
        if path.parent != PACKAGE / "cli" and PACKAGE / "cli" not in path.parents:  # named after the commands
            places[path.name].append(path.relative_to(PACKAGE).as_posix())
    twice = {name: found for name, found in places.items() if len(found) > 1}
    assert twice.keys() - {"__init__.py"} == TWINS, twice


def test_files_and_folders_that_the_docs_name_are_there():
    text = DOCS.read_text(encoding="utf-8")
    names = {path.name for path in FILES.values()}
    for name in re.findall(r"`([\w/]+\.py|[\w/]+/)`", text):
        there = any((base / name).exists() for base in (PACKAGE, PACKAGE.parent))
        assert there or name in names, f"{DOCS.name} names {name}"


def test_the_lowest_modules_use_the_standard_library_only():
    for name in STANDARD_LIBRARY + LIGHT:
        text = FILES[f"avsal_bench.{name}"].read_text(encoding="utf-8")
        sources = re.findall(r"^\s*(?:from|import) ([\w.]+)", text, re.MULTILINE)
        known = {*sys.stdlib_module_names, "avsal_bench", *(FORMS if name in LIGHT else ())}
        foreign = {s for s in sources if s.split(".")[0] not in known}
        assert not foreign, f"{name} imports {foreign}"
        low = STANDARD_LIBRARY + (LIGHT if name in LIGHT else ())
        assert graph()[f"avsal_bench.{name}"] <= {f"avsal_bench.{other}" for other in low}


def test_networks_know_neither_lightning_nor_data():
    for name, path in FILES.items():
        if name.startswith("avsal_bench.models"):
            assert not re.search(r"^\s*(from|import) lightning", path.read_text(encoding="utf-8"), re.MULTILINE), path


def test_every_chain_of_the_picture_is_one_way():
    """The picture itself is no circle: a room stands in one layer of it."""
    for folder, layers in pictures().items():
        for above, below in pairwise(layers):
            assert not set(above) & set(below), folder

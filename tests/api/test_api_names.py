"""What `import avsal_bench` and its packages hand on: it is there, documented, and imported when it is used."""

import ast
import importlib
import inspect
import os
import pkgutil
import re
import subprocess
import sys
from typing import get_origin

import pytest
from conftest import HOME

import avsal_bench

PACKAGES = [
    name
    for _, name, is_package in pkgutil.walk_packages(avsal_bench.__path__, "avsal_bench.")
    if is_package and ".bench" not in name and ".cli" not in name
]
MODULES = ["avsal_bench", *PACKAGES, "avsal_bench.records", "avsal_bench.spec"]


def public(module):
    return getattr(importlib.import_module(module), "__all__", ())


def test_an_import_needs_no_torch_and_tells_the_version_and_all_names():
    code = (
        "import sys, avsal_bench; avsal_bench.__version__; dir(avsal_bench); avsal_bench.list_models(pretrained=True)\n"
        "print([m for m in ('torch', 'pandas', 'lightning') if m in sys.modules])\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told == "[]\n"
    assert set(avsal_bench.__all__) <= set(dir(avsal_bench))
    assert re.fullmatch(r"\d+\.\d+\.\d+", avsal_bench.__version__)


def test_a_star_brings_the_names_and_nothing_else():
    names: dict[str, object] = {}
    exec("from avsal_bench import *", names)
    assert names.keys() - {"__builtins__"} == set(avsal_bench.__all__)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'avsal_bench' has no attribute 'evalute'"):
        avsal_bench.evalute  # noqa: B018


def test_type_checkers_and_programs_are_told_the_same():
    tree = ast.parse((HOME / "avsal_bench" / "__init__.py").read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    typed = {alias.name: node.module for node in block.body for alias in node.names}
    told = {key.value: value.value for node in ast.walk(block.orelse[0]) if isinstance(node, ast.Dict)
            for key, value in zip(node.keys, node.values, strict=True)}  # fmt: skip
    assert {name: module if name != "metrics" else "avsal_bench.metrics" for name, module in typed.items()} == told
    assert told.keys() | {"__version__"} == set(avsal_bench.__all__)


@pytest.mark.parametrize("module", MODULES)
def test_every_name_is_there_and_has_a_docstring_with_what_it_takes(module):
    for name in public(module):
        thing = getattr(importlib.import_module(module), name)
        # A type alias of Callable counts as a class in Python 3.10.
        if inspect.isfunction(thing) or (inspect.isclass(thing) and get_origin(thing) is None):
            text = inspect.getdoc(thing) or ""
            assert text, f"{module}.{name} has no docstring"
            own = [p for p in inspect.signature(thing).parameters if p not in ("self", "args", "kwargs")] if (
                inspect.isfunction(thing) and thing.__module__.startswith("avsal_bench.api")
            ) else []  # fmt: skip
            assert not [p for p in own if not re.search(rf"^\s+{p}: ", text, re.MULTILINE)], f"{module}.{name}"


def test_examples_use_public_names_only():
    for path in sorted((HOME / "examples").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "avsal_bench":
                strange = [alias.name for alias in node.names if alias.name not in public(node.module)]
                assert not strange, f"{path} imports {strange} from {node.module}"


SNIPPET = """
import numpy as np
import avsal_bench
from avsal_bench import ClipSpec, DataConfig, Network, SaliencyDataModule, SaliencyModule

net: Network = avsal_bench.create_model("avrsp", modality="v")
names: list[str] = avsal_bench.list_models("av*", pretrained=True)
maps = avsal_bench.predict("film.mp4", net)
reveal_type(maps)
for saliency in avsal_bench.predict(np.zeros((3, 8, 8, 3), np.uint8), net, stream=True):
    print(saliency.shape)
record = avsal_bench.evaluate(lambda frame: frame.mean(2), "synth")
reveal_type(record)
scores: dict[str, float] = avsal_bench.score(maps[0], [(1, 2)])
data = SaliencyDataModule(DataConfig({"synth": "data/synth"}, batch_size=4), net.spec)
module = SaliencyModule(net, loss={"kl": 1.0})
spec = ClipSpec(frames=4, size=(64, 96))
print(avsal_bench.metrics.cc(maps, maps), avsal_bench.__version__)
"""


@pytest.mark.slow
def test_a_users_code_is_checked_strictly_against_the_real_types(tmp_path):
    assert (HOME / "avsal_bench" / "py.typed").is_file()
    (tmp_path / "mine.py").write_text(SNIPPET)
    (tmp_path / "wrong.py").write_text("import avsal_bench\navsal_bench.evaluate(1, 2)\navsal_bench.evalute\n")
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--cache-dir=cache"]
    environment = {**os.environ, "MYPYPATH": str(HOME)}  # mypy does not look into an editable install
    told = subprocess.run(
        [*command, "mine.py", "wrong.py"], capture_output=True, text=True, cwd=tmp_path, env=environment
    ).stdout
    assert "mine.py" in told
    assert not re.search(r"^mine.py.*error", told, re.MULTILINE), told
    assert "ndarray[" in told
    assert "avsal_bench.records.Record" in told
    assert 'Argument 2 to "evaluate" has incompatible type "int"; expected "str"' in told
    assert 'Module has no attribute "evalute"' in told

"""The code that made something: of its modules and what they import, without what is there for readers alone."""

import sys

import pytest

from avsal_bench.evaluation.score import VideoScorer
from avsal_bench.kept import code_of, sources, versions_of
from avsal_bench.models import list_models, model_entry


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A plug-in of three modules and a package that only hands on names."""
    root = tmp_path / "plugged"
    (root / "parts").mkdir(parents=True)
    (root / "__init__.py").write_text("from plugged.net import Net\nfrom plugged.other import Other\n")
    (root / "net.py").write_text(
        '"""A network."""\nfrom plugged.parts import block\nfrom .parts import deep\n\n\nclass Net:\n    """A net."""\n'
        "    size = 3  # pixels\n"
    )
    (root / "other.py").write_text("class Other:\n    pass\n")
    (root / "parts" / "__init__.py").write_text(
        "from plugged.parts.blocks import block\nfrom plugged.other import Other\n"
    )
    (root / "parts" / "blocks.py").write_text("def block():\n    return 1\n")
    (root / "parts" / "deep.py").write_text("def late():\n    from plugged.parts import lazy\n    return lazy\n")
    (root / "parts" / "lazy.py").write_text("WORD = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield root
    for name in [name for name in sys.modules if name.split(".")[0] == "plugged"]:
        del sys.modules[name]


def code(root):
    """As another process finds it."""
    for one in (sources._tree, sources._digest, sources._imports, sources.closure):
        one.cache_clear()
    from plugged.net import Net

    return code_of(Net)


def test_what_a_network_imports_counts_and_not_what_packages_hand_on_besides(package):
    code(package)
    found = sources.closure(frozenset({"plugged.net"}))
    assert set(found) == {
        "plugged.net",
        "plugged.parts.blocks",
        "plugged.parts.deep",
        "plugged.parts.lazy",
    }


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("net.py", "# pixels", "# cells"),
        ("net.py", '"""A network."""', '"""Another word.\n\nAnd more."""'),
        ("net.py", '    """A net."""\n', ""),
        ("net.py", "size = 3", "size    =   3"),
        ("other.py", "pass", "x = 1"),
        ("parts/__init__.py", "import Other", "import Other as Another"),
    ],
)
def test_words_and_other_files_change_nothing(package, file, old, new):
    before = code(package)
    text = (package / file).read_text()
    assert old in text
    (package / file).write_text(text.replace(old, new))
    assert code(package) == before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("net.py", "size = 3", "size = 4"),
        ("net.py", "size = 3", "size = '3'"),
        ("parts/blocks.py", "return 1", "return 2"),
        ("parts/lazy.py", "WORD = 1", "WORD = 2"),
        ("net.py", "import block", "import block, Other"),
    ],
)
def test_another_statement_is_other_code(package, file, old, new):
    before = code(package)
    text = (package / file).read_text()
    (package / file).write_text(text.replace(old, new))
    assert code(package) != before


def test_a_process_runs_the_code_of_its_start(package):
    before = code(package)
    (package / "net.py").write_text("class Net:\n    size = 5\n")
    from plugged.net import Net

    assert code_of(Net) == before


def test_code_of_a_notebook_is_never_that_of_another_process(monkeypatch):
    here = code_of(type("Net", (), {"__module__": "nowhere"}))
    monkeypatch.setattr(sources, "_UNREADABLE", "that of another process")
    assert here != code_of(type("Net", (), {"__module__": "nowhere"}))


def test_scoring_does_not_hang_on_networks_nor_one_network_on_another():
    scoring = set(sources.closure(frozenset({VideoScorer.__module__})))
    assert "avsal_bench.metrics.functional" in scoring
    assert not any(
        name.startswith(("avsal_bench.models", "avsal_bench.leaderboard", "avsal_bench.cli")) for name in scoring
    )
    own = {name: set(sources.closure(frozenset({model_entry(name).build.__module__}))) for name in list_models()}
    assert "avsal_bench.models.vinet" not in own["avrsp"]
    assert "avsal_bench.models.backbones.s3d" in own["avrsp"]


def test_versions_are_releases_and_what_is_not_installed_has_none():
    found = versions_of("torch", "no-such-library")
    assert found["library torch"].count("+") == 0
    assert found["library no-such-library"] == "none"

"""The documentation site: it is built without a warning, loads nothing from elsewhere, and its Python blocks run."""

import doctest
import importlib
import re
import subprocess
import sys

import pytest
from conftest import HOME

from avsal_bench.catalogue.networks import catalogue
from avsal_bench.models import list_models, model_facts

DOCS = HOME / "docs"
#: Pages with Python to run; those of the API, of metrics and of exporting have tests of their own.
WITH_PYTHON = [
    path
    for path in [HOME / "README.md", *sorted(DOCS.rglob("*.md"))]
    if re.search(r"^```python$", path.read_text(encoding="utf-8"), re.MULTILINE)
    and path.name not in {"api.md", "metrics.md", "export.md"}
]
WITHOUT_TORCH = """
import sys
sys.path.insert(0, sys.argv[1])
for name in ("torch", "numpy", "lightning", "matplotlib", "scipy", "PIL", "av"):
    sys.modules[name] = None
import commands_page, dataset_pages
print(len(dataset_pages.pages()), commands_page.page().count("usage: avsal"))
del sys.modules["numpy"]  # the leaderboard needs it
import network_pages
print(len(network_pages.pages()))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    made = subprocess.run(command, cwd=HOME, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    return folder


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(site):
    for page in (
        "index",
        "zoo",
        "faq",
        "datasets/avad",
        "networks/stavis",
        "reference/commands",
        "source/avsal_bench/models/avrsp.py",
    ):
        assert (site / f"{page}.html").is_file(), page
    assert (site / "leaderboard" / "index.html").is_file()
    assert '<img alt="Data flow of stavis"' in (site / "networks" / "stavis.html").read_text(encoding="utf-8")
    assert 'href="networks/stavis.html"' in (site / "zoo.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_no_page_loads_anything_from_elsewhere(site):
    loads = re.compile(r"<(?:script|img|iframe|link)[^>]+(?:src|href)=\"?(https?:[^\" >]+)")
    for page in site.rglob("*.html"):
        found = loads.findall(page.read_text(encoding="utf-8"))
        assert not found, f"{page.relative_to(site)}: {found}"


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_PYTHON, ids=lambda path: path.relative_to(HOME).as_posix())
def test_python_of_a_page_runs(page, run_page):
    run_page(page)


def test_pages_that_are_made_need_no_torch():
    command = [sys.executable, "-c", WITHOUT_TORCH, str(DOCS / "hooks")]
    made = subprocess.run(command, cwd=HOME, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    pages, helps, networks = map(int, made.stdout.split())
    sheets = [path for path in (HOME / "avsal_bench" / "data" / "sets").rglob("*.py") if not path.stem.startswith("_")]
    assert pages == len([path for path in sheets if not path.stem.startswith("synth")]) + 1, "and their index"
    assert helps >= 25
    assert networks == sum(bool(model_facts(name).modalities) for name in list_models())


@pytest.fixture
def hooks_module(monkeypatch):
    """Imports a module of docs/hooks."""
    monkeypatch.syspath_prepend(str(DOCS / "hooks"))
    return importlib.import_module


@pytest.mark.parametrize("name", ["docstrings", "layers_picture"])
def test_examples_of_the_hooks(hooks_module, name):
    assert doctest.testmod(hooks_module(name)).failed == 0


def test_links_out_of_the_docs_lead_to_pages_of_the_site(hooks_module):
    pages = hooks_module("pages")
    assert pages.links("[a](b.md#c) [d](https://e) ![f](g.png)\n```\n[h](i)\n```\n") == ["b.md", "g.png"]
    assert pages.target("docs/howto/publish.md", "../checks.md") is None
    for page, link, place in (
        ("docs/zoo.md", "../avsal_bench/models/avrsp.py", "source/avsal_bench/models/avrsp.py.md"),
        ("docs/howto/publish.md", "../../.github/CONTRIBUTING.md", "contributing.md"),
        (".github/CONTRIBUTING.md", "../SECURITY.md", "security.md"),
        ("docs/baselines.md", "../leaderboard/README.md", "leaderboard/index.html"),
        ("docs/zoo.md", "../tests/golden/README.md", "source/tests/golden/README.md"),
    ):
        assert pages.place(pages.target(page, link)) == place


def test_a_data_sheet_is_a_page(hooks_module):
    pages = hooks_module("dataset_pages").pages()
    text = pages["datasets/avad.md"]
    assert text.startswith("# AVAD\n")
    assert "| licence | not stated |" in text
    assert "- Three videos are never tested" in text
    assert "``" not in text
    assert "::" not in text
    assert "| names in commands | `ntire26`, `ntire26_private` |" in pages["datasets/ntire26.md"]
    assert "| watched by | mouse, heard |" in pages["datasets/ntire26.md"]
    assert "| folders below the data root | `DIEM`, `Coutrot_db1`, `Coutrot_db2` |" in pages["datasets/dave_ave.md"]


def test_every_set_has_a_page_in_the_navigation(hooks_module):
    navigation = (HOME / "mkdocs.yml").read_text(encoding="utf-8")
    for uri in hooks_module("dataset_pages").pages():
        assert f" {uri}\n" in navigation


def test_a_network_has_a_page_with_its_figure_and_all_that_is_told_of_it(hooks_module):
    pages = hooks_module("network_pages")
    rows = catalogue(HOME / "no records", ["stavis", "stanet"])
    text, other = (
        pages.page(name, [row for row in rows if row.facts.network == name]) for name in ("stavis", "stanet")
    )
    headings = re.findall(r"^#+ (.*)", text, re.MULTILINE)
    assert headings == [
        "STAViS",
        "Data flow",
        "Size, speed, what was verified",
        *("Sound", "Weights", "Published scores", "Recipe"),
    ]
    assert "![Data flow of stavis](stavis.svg)" in text
    assert "[stavis.py](../../avsal_bench/models/stavis.py)" in text
    assert "| stavis | av | atsiami/STAViS | proved |" in text
    assert "``" not in text
    assert "[stanet.md](../stanet.md)" in other
    shared = catalogue(HOME / "no records", ["vinet_a"])
    assert "[vinet_s.md](../vinet_s.md)" in pages.page("vinet_a", shared)


def test_a_link_to_a_figure_leads_to_the_page_of_its_network(hooks_module):
    class Here:
        class file:
            src_uri = "zoo.md"

    turned = hooks_module("pages").on_page_markdown("[stavis](networks/stavis.svg)", page=Here, config=None, files=None)
    assert turned == "[stavis](networks/stavis.md)"
    Here.file.src_uri = "networks/stavis.md"
    same = hooks_module("pages").on_page_markdown("![x](stavis.svg)", page=Here, config=None, files=None)
    assert same == "![x](stavis.svg)"

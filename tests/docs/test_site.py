"""The documentation site: it is built without a warning, loads nothing from elsewhere, and its Python blocks run."""

import re
import subprocess
import sys

import pytest
from conftest import HOME

DOCS = HOME / "docs"
#: Pages with Python to run; those of the API and of metrics have tests of their own.
WITH_PYTHON = [
    path
    for path in [HOME / "README.md", *sorted(DOCS.rglob("*.md"))]
    if re.search(r"^```python$", path.read_text(encoding="utf-8"), re.MULTILINE)
    and path.name not in {"api.md", "metrics.md"}
]
WITHOUT_TORCH = """
import sys
sys.path.insert(0, sys.argv[1])
for name in ("torch", "numpy", "lightning", "matplotlib", "scipy", "PIL", "av"):
    sys.modules[name] = None
import commands_page, dataset_pages
print(len(dataset_pages.pages()), commands_page.page().count("usage: avsal"))
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
    for page in ("index", "zoo", "faq", "datasets/avad", "reference/commands", "source/avsal_bench/models/avrsp.py"):
        assert (site / f"{page}.html").is_file(), page
    assert (site / "leaderboard" / "index.html").is_file()


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
    pages, helps = map(int, made.stdout.split())
    assert pages == 10
    assert helps >= 25

"""The page of the Python API: each of its blocks runs, and prints what the page says."""

import pytest
from conftest import HOME


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_page_of_the_python_api_runs_as_it_stands(run_page):
    run_page(HOME / "docs" / "api.md")

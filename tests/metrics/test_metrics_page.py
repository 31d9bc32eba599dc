"""The page about metrics: its code runs, and prints what the page says."""

from pathlib import Path

import torch


def test_the_page_prints_what_it_says(run_page):
    names = run_page(Path(__file__).parents[2] / "docs" / "metrics.md")
    assert isinstance(names["MyModule"](), torch.nn.Module)

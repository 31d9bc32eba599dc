"""The page of all commands: their help, as the terminal shows it."""

from __future__ import annotations

import contextlib
import io
import os
import re
from unittest import mock

from avsal_bench.cli import main

TOP = """# Commands

What `avsal --help` and the help of each command say.
Folders and options that several commands share mean the same everywhere.
"""


def page() -> str:
    """Text of the page."""
    whole = help_of()
    parts = [TOP, "## avsal", "", f"```text\n{whole.rstrip()}\n```", ""]
    for name in commands(whole):
        text = help_of(name)
        parts += [f"## avsal {name}", "", f"```text\n{text.rstrip()}\n```", ""]
        for inner in commands(text):
            parts += [f"### avsal {name} {inner}", "", f"```text\n{help_of(name, inner).rstrip()}\n```", ""]
    return "\n".join(parts)


def help_of(*words: str) -> str:
    """What a command prints for ``--help``."""
    out = io.StringIO()
    with (
        mock.patch.dict(os.environ, {"COLUMNS": "100", "NO_COLOR": "1"}),
        contextlib.redirect_stdout(out),
        contextlib.suppress(SystemExit),
    ):
        main([*words, "--help"])
    return out.getvalue()


def commands(text: str) -> list[str]:
    """Commands that a help text lists below ``command``."""
    head, _, rest = text.partition("\n  command\n")
    if not head or not rest:
        return []
    listed = rest.split("\n\n", 1)[0]
    return re.findall(r"^    ([a-z][a-z0-9-]*)", listed, re.MULTILINE)

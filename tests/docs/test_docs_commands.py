"""What the documentation says can be typed: commands, options, targets of make; and what it links to is there."""

import argparse
import re
import shlex
from functools import cache
from pathlib import Path

import pytest
from conftest import HOME

from avsal_bench.cli import app

_parser = cache(app._parser)
DOCS = HOME / "docs"
PAGES = [HOME / "README.md", HOME / ".github" / "CONTRIBUTING.md", HOME / "SECURITY.md", *sorted(DOCS.rglob("*.md"))]
FENCE = re.compile(r"^[ ]*```(\w*)[^\n]*\n(.*?)^[ ]*```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
#: Programs of others, whose options are theirs.
OTHERS = ("git", "pip", "export", "cd", "torchrun", "pytest")


def name(page: Path) -> str:
    return page.relative_to(HOME).as_posix()


def lines(page: Path) -> list[str]:
    """Lines of the ``bash`` blocks of a page, without comments; one that ends in a backslash goes on."""
    text = page.read_text(encoding="utf-8")
    blocks = [block for language, block in FENCE.findall(text) if language == "bash"]
    joined = "\n".join(blocks).replace("\\\n", " ")
    return [line.split(" #")[0].strip() for line in joined.splitlines() if line.split("#")[0].strip()]


def spans(page: Path) -> list[str]:
    """Commands in the running text, such as `avsal data check`."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    return [span for span in re.findall(r"`([^`\n]+)`", text) if span.startswith("avsal ")]


def parsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The parsers of commands below one."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def refusal(words: list[str], whole: bool) -> str:
    """What is wrong with a command line; "" for nothing. One that is not whole may lack what a command needs."""
    parser = _parser()
    for word in list(words[1:]):
        below = parsers(parser)
        if not below or word.startswith("-"):
            break
        if word not in below:
            return f"no command {word!r}; there are {', '.join(below)}"
        parser = below[word]
    known = {option for action in parser._actions for option in action.option_strings}
    for word in words[1:]:
        option = word.split("=")[0]
        if option.startswith("--") and option not in known:
            return f"no option {option} of {parser.prog}"
    if whole and "--help" not in words and not any("{" in word or "<" in word for word in words):
        try:
            _parser().parse_args(words[1:])
        except SystemExit:
            return "the parser refuses it"
    return ""


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_of_a_page_can_be_typed(page, capsys):
    for line in lines(page):
        line = re.sub(r"^([A-Z_]+=\S+ )+", "", line)
        for command in line.split(" && "):
            words = shlex.split(command.replace("<", "").replace(">", ""))
            words[0] = words[0].removeprefix(".venv/bin/")
            if words[0] == "avsal":
                assert not (wrong := refusal(words, whole=True)), f"{line}: {wrong} {capsys.readouterr().err}"
            elif words[0] == "make":
                targets = re.findall(r"^([a-z-]+):", (HOME / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
                assert words[1] in targets, line
            elif words[0] == "python":
                example = (HOME / "examples" / page.stem / words[1]).is_file()  # of a tutorial in a folder of its own
                assert words[1] == "-m" or (HOME / words[1]).is_file() or example, line
            else:
                assert words[0] in OTHERS, line
            if "avsal_bench.cli" in words:
                typed = ["avsal", *words[words.index("avsal_bench.cli") + 1 :]]
                assert not (wrong := refusal(typed, whole=True)), f"{line}: {wrong}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_in_the_text_are_there(page):
    for span in spans(page):
        words = [word.rstrip(".,;:") for word in span.split() if word not in {"...", "|"}]
        assert not (wrong := refusal(words, whole=False)), f"`{span}`: {wrong}"


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        ("avsal bnech avrsp", "no command 'bnech'"),
        ("avsal data chek", "no command 'chek'"),
        ("avsal bench avrsp --fold 1", "no option --fold "),
        ("avsal evaluate --pred maps", "the parser refuses it"),
        ("avsal predict film.mp4 -o look.mp4", ""),
    ],
)
def test_what_cannot_be_typed_is_found(words, wrong, capsys):
    found = refusal(words.split(), whole=True)
    assert found.startswith(wrong) if wrong else not found


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_of_a_page_lead_to_files(page):
    for link in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        path = link.split("#")[0]
        if ":" in link or not path:
            continue
        target = (page.parent / path).resolve()
        assert target.exists(), f"{name(page)}: {link}"


def test_readme_is_one_page():
    text = (HOME / "README.md").read_text(encoding="utf-8")
    assert len(text.split()) <= 400
    (picture,) = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)
    assert (HOME / picture).stat().st_size < 300_000
    for words in (
        "make bench MODEL=avrsp",
        "make test",
        "pip install",
        "avsal evaluate",
        "avsal predict",
        "avsal bench",
    ):
        assert words in text


def test_a_page_names_commands_by_what_is_typed():
    """Outside a clone there is no .venv: only pages about the clone may name it."""
    for page in PAGES:
        if page.name not in {"install.md", "CONTRIBUTING.md"}:
            assert ".venv/bin/avsal" not in page.read_text(encoding="utf-8"), name(page)

"""The words of users' texts are those of the field, in the documentation, in help texts and in what errors say."""

import ast
import re

import pytest
from conftest import HOME

#: What is said here, by what is not.
INSTEAD = {
    "house": "layers",
    "houses": "layers",
    "floors": "layers",
    "eats": "takes, or uses",
    "deaf": "ignores the sound",
    "survives": "is kept, or resumes",
    "survived": "is kept, or resumed",
}
WORDS = re.compile(rf"\b({'|'.join(INSTEAD)})\b", re.IGNORECASE)
TEXTS = [
    *(HOME / name for name in ("README.md", "SECURITY.md", "CHANGELOG.md", "CITATION.cff", "Makefile", "mkdocs.yml")),
    HOME / ".github" / "CONTRIBUTING.md",
    *sorted((HOME / "docs").rglob("*.md")),
    *sorted((HOME / "examples").rglob("*.md")),
    *sorted((HOME / "avsal_bench" / "leaderboard" / "page" / "templates").iterdir()),
]


def strings(text: str) -> list[tuple[int, str]]:
    """Every text in the code of a module: messages, help texts and docstrings, which the reference shows."""
    return [
        (node.lineno, node.value)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.relative_to(HOME).as_posix())
def test_words_of_a_page(path):
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if found := WORDS.search(line):
            raise AssertionError(f"{path.name}, line {number}: {found[0]!r}; say {INSTEAD[found[0].lower()]!r}")


def test_words_of_the_package():
    wrong = [
        f"{path.relative_to(HOME)}:{number}: {found[0]!r}; say {INSTEAD[found[0].lower()]!r}"
        for path in sorted((HOME / "avsal_bench").rglob("*.py"))
        if WORDS.search(path.read_text(encoding="utf-8"))  # few files have one, in a comment perhaps
        for number, value in strings(path.read_text(encoding="utf-8"))
        if (found := WORDS.search(value))
    ]
    assert not wrong, "\n".join(wrong)


def test_the_rule_finds_what_it_is_for():
    assert WORDS.search("the floors of the house")
    assert WORDS.search("This network is deaf.")
    assert not WORDS.search("math.floor of both, test_deaf.py, housekeeping")
    assert strings('def f():\n    raise ValueError(f"{1} eats it")\n') == [(2, " eats it")]

"""One file is no "1 files": texts count by `many` of avsal_bench.text, wherever a number comes before its noun."""

import ast
import re

import pytest
from conftest import HOME

from avsal_bench.text import many

#: What texts of the package count.
NOUNS = (
    "(?:batch norm|change|claim|clip|column|decision|difference|error|epoch|file|fixation|fold|frame|image|item|job|"
    "key|label|level|line|list|map|metric|network|node|note|observer|pair|person|picture|plug-in|point|problem|record|row|"
    "sample|score|seed|set|stage|step|task|test|value|video|viewer|warning|weight|window)s|entries|processes"
)
KINDS = "more|other|listed|test|training|invalid|damaged|reading"
PLURAL = re.compile(rf"^ (?:(?:{KINDS}) )?({NOUNS})\b(?! a second)")


def counted(source):
    """Lines where a number that a program works out stands before a plural in an f-string, with the noun."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.JoinedStr):
            continue
        for value, after in zip(node.values, node.values[1:], strict=False):
            if not (isinstance(value, ast.FormattedValue) and isinstance(after, ast.Constant)):
                continue
            found = PLURAL.match(str(after.value))
            # Numbers of the package itself, in capitals, are known to be more than one; text is no number.
            number = ast.unparse(value.value)
            if found and not number.isupper() and not number.startswith(("many(", "_")) and value.conversion == -1:
                yield value.lineno, found[0].strip(), number


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('f"{len(x)} files"', 1),
        ('f"{n} more problems"', 1),
        ('f"{n:,} entries of it"', 1),
        ('f"{n} frames a second"', 0),
        ('f"{MOST} files"', 0),
        ("f\"{many(n, 'file')} of it\"", 0),
        ('f"{name!r} jobs"', 0),
    ],
)
def test_the_rule_sees_what_it_should(source, found):
    assert len(list(counted(source))) == found


#: Where what comes before the noun is text, or a number that is never one.
FINE = {
    "bench/machine.py": {"fitting", "processes", "tasks"},
    "bench/sharing/meeting.py": {"self.world_size"},
    "bench/sharing/started.py": {"tasks", "who"},
    "data/layouts/stills.py": {"suffix"},
    "data/setting_aside.py": {"fraction"},
    "metrics/functional.py": {"name"},
    "models/layers/frame_memory.py": {"lengths"},
    "studies/switch.py": {"[len(d) for d in decisions]", "[len(row) for row in labels]"},
}


def test_no_text_says_one_files():
    found = []
    for path in sorted((HOME / "avsal_bench").rglob("*.py")):
        fine = FINE.get(path.relative_to(HOME / "avsal_bench").as_posix(), set())
        told = counted(path.read_text(encoding="utf-8"))
        found += [f"{path.relative_to(HOME)}:{line}: {{{n}}} {noun}" for line, noun, n in told if n not in fine]
    assert not found, "use many() of avsal_bench.text:\n" + "\n".join(found)


def test_many_counts_and_its_verb_goes_along():
    assert [many(n, "file") for n in (0, 1, 2, 1000)] == ["0 files", "1 file", "2 files", "1,000 files"]
    assert [many(n, "file", "are") for n in (1, 2)] == ["1 file is", "2 files are"]
    assert [many(n, "map", verb) for n in (1, 3) for verb in ("have", "were", "do", "lack")] == [
        *("1 map has", "1 map was", "1 map does", "1 map lacks"),
        *("3 maps have", "3 maps were", "3 maps do", "3 maps lack"),
    ]
    assert [many(n, "entry", plural="entries") for n in (1, 2)] == ["1 entry", "2 entries"]

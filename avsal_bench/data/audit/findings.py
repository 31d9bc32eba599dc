"""What a look at data sets found, as a table for people and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path
from typing import get_args

from avsal_bench.data.audit.notes import Finding, Severity
from avsal_bench.text import many, text_table

SCHEMA = 1
#: Rows of one kind that a table shows, and characters of a name or place and of a text in it.
SHOWN, WIDE, WIDEST = 20, 44, 240

ORDER: tuple[Severity, ...] = get_args(Severity)


@dataclass(frozen=True)
class Counts:
    """What was looked at in one list, or with fold None and part "all" in all lists of a set, each video once.

    Args:
        dataset: name of the set.
        fold: from 1; a set with one split has 1 only.
        part: "train" or "test", or "all".
        videos: in the list.
        frames: of them that the list asks for.
        hours: of them.
        files: opened.
        seconds: spent on them, added up over the processes.
    """

    dataset: str
    fold: int | None
    part: str
    videos: int
    frames: int
    hours: float
    files: int
    seconds: float = field(compare=False)


@dataclass(frozen=True)
class Report:
    """All findings about some sets, and what was looked at.

    Args:
        roots: of each set.
        quick: whether names and headers only were looked at.
        audio: whether the sound was looked at.
        findings: by set, the worst first.
        counts: by set, fold and part; that of all lists of a set comes last.
        seconds: from start to end.
    """

    roots: Mapping[str, Path]
    quick: bool
    audio: bool
    findings: tuple[Finding, ...]
    counts: tuple[Counts, ...]
    seconds: float = field(compare=False)

    @property
    def errors(self) -> int:
        """Findings for which training or testing would stop, or give a void result."""
        return self.number("error")

    def number(self, severity: Severity, name: str | None = None) -> int:
        """Findings of a severity, in one set or in all."""
        return sum(f.severity == severity and name in (None, f.dataset) for f in self.findings)

    def table(self, most: int | None = SHOWN) -> str:
        """Plain text: for each set what was looked at, and then its findings, the worst first.

        Args:
            most: rows shown of each kind of finding; None for all. The JSON report always holds all.
        """
        blocks = []
        for name, root in self.roots.items():
            told = ", ".join(many(self.number(severity, name), severity) for severity in ORDER)
            body = [
                [label, f"{c.videos}", f"{c.frames}", f"{c.hours:.3f}", f"{c.files}", f"{c.seconds:.1f}"]
                for c in self.counts
                if c.dataset == name and (label := c.part if c.fold is None else f"{c.part} {c.fold}")
            ]
            header = ["list", "videos", "frames", "hours", "files", "seconds"]
            rows = [f"{name} in {root}: {told}", text_table(header, body, numbers=range(1, 6))]
            of_set = [f for f in self.findings if f.dataset == name]
            for (severity, kind, training), group in groupby(of_set, lambda f: (f.severity, f.kind, f.training)):
                rows += ["", f"{severity}: {kind}; {training}", *_rows(list(group), most)]
            blocks.append("\n".join(rows))
        files, speed = self._speed()
        how = "names and headers" if self.quick else "all contents"
        blocks.append(
            f"{many(self.errors, 'error')}; {many(files, 'file')} in {self.seconds:.1f} s ({how}, {speed:.0f} a second)"
        )
        return "\n\n".join(blocks)

    def json(self) -> str:
        """The report for programs: an object of

        - ``schema``: 1; it grows when a field changes its meaning.
        - ``roots``: set to folder; ``quick``, ``audio``: as the look was asked for; ``seconds``: from start to end.
        - ``errors``, ``warnings``, ``notes``: how many findings of each severity.
        - ``counts``: list of objects with the fields of :class:`Counts`; ``fold`` is null where ``part`` is "all".
        - ``findings``: list of objects with the fields of :class:`Finding`, by set, the worst first.
        """
        plain = {
            "schema": SCHEMA,
            "roots": {name: str(root) for name, root in self.roots.items()},
            "quick": self.quick,
            "audio": self.audio,
            "seconds": round(self.seconds, 3),
            **{f"{severity}s": self.number(severity) for severity in ORDER},
            "counts": [asdict(counts) for counts in self.counts],
            "findings": [asdict(finding) for finding in self.findings],
        }
        return json.dumps(plain, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    def _speed(self) -> tuple[int, float]:
        files = sum(c.files for c in self.counts if c.fold is None)
        return files, files / max(self.seconds, 1e-9)


def _rows(findings: Sequence[Finding], most: int | None) -> Iterator[str]:
    shown = findings[:most]
    body = [[_short(f.video), _short(f.where), _short(f.text, WIDEST)] for f in shown]
    yield text_table(["video", "where", "what"], body)
    if len(findings) > len(shown):
        yield f".. and {len(findings) - len(shown)} more"


def _short(text: str, width: int = WIDE) -> str:
    return text if len(text) <= width else f"{text[: width - 2]}.."

"""One page a data set, from its data sheet (the docstring of its module) and its facts."""

from __future__ import annotations

import re
import sys

from avsal_bench.catalogue.listing import watched
from avsal_bench.data import dataset, list_datasets
from avsal_bench.data.dataset import DataSet

#: Sets that the suite makes itself have a page of their own, written by hand.
EMBEDDED = ("synth", "synth_silent", "synth_stills")


def pages() -> dict[str, str]:
    """Text of every page, by its place in the site."""
    names = [name for name in list_datasets() if name not in EMBEDDED and module_of(name)]
    made = {f"datasets/{name}.md": page(name) for name in names}
    lines = [
        "# Data sheets",
        "",
        "One page a data set: who watched what, what the lists hold, the licence, where to get it, and known faults.",
        "How to lay data out, check it and prepare it: [Data sets](../data.md).",
        "A set of your own: [Add my data](../tutorials/add_data.md).",
        "",
        "| set | what it is | watched by | sound | licence |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name in names:
        described = dataset(name)
        licence = described.facts.licence if described.facts else "-"
        sound = "yes" if described.sound else "no"
        lines.append(
            f"| [{heading(name)}]({name}.md) | {title(name).rstrip('.')} | {watched(described)} | {sound} | {licence} |"
        )
    lines += ["", "The embedded set `synth`, which needs no download: [synth](../synth.md)."]
    return {"datasets/index.md": "\n".join(lines) + "\n", **made}


def sheet(name: str) -> str:
    """The docstring of the module of a set, in whichever room of the sets it is."""
    return (sys.modules[module_of(name)].__doc__ or "").strip()


def module_of(name: str) -> str:
    """The module of a set; "" for one that stands in the sheet of another, as its second list or part."""
    found = [m for m in list(sys.modules) if m.startswith("avsal_bench.data.sets.") and m.split(".")[-1] == name]
    return found[0] if found else ""


def heading(name: str) -> str:
    """The name of a set for people."""
    return dataset(name).title


def title(name: str) -> str:
    """What a set is, in the words of the first line of its sheet, after its name."""
    first = sheet(name).splitlines()[0]
    words = first.split(": ", 1)[-1]
    return words[0].upper() + words[1:]


def page(name: str) -> str:
    """The page of one set."""
    described = dataset(name)
    body = sheet(name).split("\n", 1)[1]
    body = re.sub(r"\*\*Faults\.\*\*.*?(?=\n\n|\Z)", "", body, flags=re.DOTALL)
    body = re.sub(r":[a-z]+:`~?([^`]+)`", r"`\1`", body).replace("``", "`")
    body = re.sub(r"::(?=\n\n    )", ":", body)
    # A paragraph of its own for each part: sheets have several in one.
    body = re.sub(r"(?<=\S)[ \n](?=\*\*[A-Z][a-z ]+\.\*\*)", "\n\n", body)
    lines = [f"# {heading(name)}", "", title(name), "", *table(name, described), "", body.strip()]
    if described.facts and described.facts.faults:
        lines += ["", "## Known faults", "", *(f"- {fault}" for fault in described.facts.faults)]
    return "\n".join(lines) + "\n"


def table(name: str, described: DataSet) -> list[str]:
    """Facts of a set, a line each."""
    names = [name, *(other for other in list_datasets() if not module_of(other) and name in dataset(other).over)]
    rows = [("name in commands" if len(names) == 1 else "names in commands", ", ".join(f"`{n}`" for n in names))]
    folders = [dataset(other).folder for other in described.over] or [described.folder]
    below = "folder below the data root" if len(folders) == 1 else "folders below the data root"
    rows += [(below, ", ".join(f"`{folder}`" for folder in folders))]
    if described.facts:
        rows += [
            ("watched by", watched(described)),
            ("viewers", described.facts.viewers),
            ("conditions", described.facts.conditions),
            ("licence", described.facts.licence),
            ("from", f"<{described.facts.source}>"),
        ]
    rows += [("sound", "yes" if described.sound else "no"), ("cite", described.citation)]
    return [f"| fact | {heading(name)} |", "| --- | --- |", *(f"| {what} | {value} |" for what, value in rows)]

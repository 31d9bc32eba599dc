"""All that is told of one network: what it is, what it hears, its weights, published scores, and how to run it.

The same goes to the terminal and to the page of the network in the documentation. It takes no torch.
"""

from __future__ import annotations

import ast
import re
import sys
import textwrap
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from avsal_bench.catalogue.networks import Row
from avsal_bench.leaderboard.kinds import KINDS, viewing_of_set
from avsal_bench.leaderboard.published_scores import PublishedRow, published_rows, read_published
from avsal_bench.models import ModelFacts, model_facts
from avsal_bench.record_story import Device
from avsal_bench.resources import resource
from avsal_bench.text import many, text_table
from avsal_bench.yaml_files import read_yaml

METRICS = ("CC", "NSS", "SIM", "AUC-J", "sAUC")
#: What the first words of a paragraph are where a docstring begins to list decisions.
_DECISIONS = ("Decisions", "Not part of", "Not ported", "Part of the training")
_WIDE = 100


@dataclass(frozen=True)
class Section:
    """A heading, paragraphs below it, and maybe a table; all in plain text, with backticks around names."""

    title: str
    paragraphs: tuple[str, ...] = ()
    header: tuple[str, ...] = ()
    body: tuple[tuple[str, ...], ...] = ()

    def markdown(self) -> str:
        """As a section of a page."""
        table = [f"| {' | '.join(line)} |" for line in (self.header, ["---"] * len(self.header), *self.body)]
        blocks = [f"## {self.title}", *self.paragraphs, *(["\n".join(table)] if self.header else [])]
        return "\n\n".join(blocks)

    def terminal(self) -> str:
        """For a terminal: names without backticks, lines of a width that can be read."""
        blocks = [self.title.upper(), *("\n".join(_wrapped(text)) for text in self.paragraphs)]
        table = text_table(self.header, self.body) if self.header else ""
        return "\n".join(filter(None, [*blocks, table])).replace("`", "")


def _wrapped(text: str) -> list[str]:
    return [
        line
        for part in text.split("\n")
        for line in textwrap.wrap(part, _WIDE, subsequent_indent="  " * (part[:2] == "- "))
    ]


def title_of(name: str) -> str:
    """How a network is written, such as ``CASP-Net``; of one that says no title, by the first words of its file."""
    facts = model_facts(name)
    first = _docstring(facts).partition("\n")[0]
    return facts.title or re.split(r":| \(|, ", first, maxsplit=1)[0].removesuffix(".")


def described(name: str) -> Section:
    """What a network is, in the first paragraphs of its file.

    Raises:
        ValueError: for an unknown name.
    """
    return Section(title_of(name), _paragraphs(model_facts(name)))


def about(name: str, rows: Sequence[Row]) -> list[Section]:
    """What is told of a model.

    Args:
        name: of the model.
        rows: of the table of networks; those of others are left out.

    Raises:
        ValueError: for an unknown name.
    """
    mine = [row for row in rows if row.facts.network == name]
    sections = [
        described(name),
        _sound(mine),
        _weights(model_facts(name)),
        *published_sections(name),
        recipe_section(name),
    ]
    return [section for section in sections if section is not None]


def _docstring(facts: ModelFacts) -> str:
    """What the file of a network says at its top; of a file with several networks, what the network's own lines say."""
    if facts.module in sys.modules and not facts.module.startswith("avsal_bench."):
        return (sys.modules[facts.module].__doc__ or facts.name).strip()
    tree = ast.parse(Path(facts.file).read_text(encoding="utf-8"))
    own = {
        call.args[0].value: ast.get_docstring(node) or ""
        for node in tree.body
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
        for call in node.decorator_list
        if isinstance(call, ast.Call) and call.args and isinstance(call.args[0], ast.Constant)
    }
    whole = ast.get_docstring(tree) or facts.name
    return whole if len(own) < 2 else f"{facts.name}: {own.get(facts.name) or whole}"


def _docstring_text(facts: ModelFacts) -> str:
    """What a file says at its top, with names between single backticks."""
    return re.sub(r":[a-z]+:`~?(?:[\w.]+\.)?(\w+)`", r"`\1`", _docstring(facts)).replace("``", "`")


def _paragraphs(facts: ModelFacts) -> tuple[str, ...]:
    """The first paragraphs of a docstring, up to where it begins to list decisions."""
    found: list[str] = []
    for paragraph in re.split(r"\n\s*\n", _docstring_text(facts)):
        if paragraph.startswith((*_DECISIONS, "Args:", "- ")):
            break
        if paragraph.rstrip().endswith(":"):  # what leads to a list: without its last sentence
            before = max(paragraph.rfind(". "), paragraph.rfind("; "))
            found += [_flowing(paragraph[:before]) + "."] if before > 0 else []
            break
        found.append(_flowing(paragraph))
    return tuple(found)


def faults_of(name: str) -> tuple[str, ...]:
    """Known faults of the authors' published code, a sentence or more each, as the file of a network lists them.

    None where it lists none, which says nothing about the code.

    Raises:
        ValueError: for an unknown name.
    """
    blocks = re.split(r"\n\s*\n", _docstring_text(model_facts(name)))
    for block, after in zip(blocks, [*blocks[1:], ""], strict=True):
        words = _flowing(block)
        found = re.search(r"\b[Ff]aults of the (?:published )?scripts?\b[^:]*:(.*)$", words)
        if found and found[1]:
            return (found[1].strip()[:1].upper() + found[1].strip()[1:],)
        if found and after.startswith("- "):
            return tuple(_flowing(item) for item in re.split(r"^- ", after, flags=re.MULTILINE) if item)
    return ()


def _flowing(paragraph: str) -> str:
    """A paragraph on one line; items of a list have a line each."""
    lines = [line.strip() for line in paragraph.strip().split("\n")]
    text = ""
    for line in lines:
        text += ("\n" if re.match(r"\d+\. ", line) else " ") + line
    return text.strip()


def _sound(rows: Sequence[Row]) -> Section:
    heard = {row.facts.sound: row for row in rows if row.facts.sound}
    if not heard:
        return Section("Sound", ("It takes no sound, in any form.",))
    paragraphs = []
    for sound in heard:
        words = front_end_words(sound.partition(" ")[0])
        paragraphs.append(f"It hears `{sound}`{f': {words}' if words else '.'}")
    forms = sorted({row.facts.modality for row in rows})
    if "v" in forms:
        paragraphs.append("`v` is the same network for frames alone.")
    return Section("Sound", tuple(paragraphs))


def front_end_words(kind: str) -> str:
    """The first sentence of the docstring of a front end of the package; "" for one from elsewhere."""
    for path in sorted((resource().parent / "audio").glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and node.name == kind:
                first = (ast.get_docstring(node) or "").split("\n\n")[0].replace("\n", " ").replace("``", "`")
                return first[:1].lower() + first[1:]
    return ""


def _weights(facts: ModelFacts) -> Section | None:
    if not facts.weights:
        return None
    body = tuple(
        (one.name, one.file, one.what, one.licence, "no" if "not opened" in one.form else "yes")
        for one in facts.weights
    )
    words = (
        f"{many(len(body), 'file')} of the authors; `avsal weights get NAME` fetches one, or says how a person does."
    )
    return Section("Weights", (words,), ("name", "file", "what", "licence", "opened here"), body)


def published_sections(name: str) -> list[Section]:
    """What papers print: a section for each kind of sets, as by eye tracking and by mouse they share no table."""
    lines = [line for line in read_published(resource("published.csv")) if line["method"] == name]
    kinds: dict[Device, list[PublishedRow]] = defaultdict(list)
    for row in sorted(published_rows(lines), key=lambda row: (row.dataset, row.modality, row.papers)):
        kinds[viewing_of_set(row.dataset).device].append(row)
    return [
        _printed("Published scores" + ("" if device == "eye" else f": {KINDS[device]}"), kinds[device])
        for device in KINDS
        if device in kinds
    ]


def _printed(title: str, rows: Sequence[PublishedRow]) -> Section:
    body = tuple(
        (
            *(row.dataset, row.variant or "-", row.modality, row.pretrain or "-"),
            *(row.cells[metric].text + row.cells[metric].mark if metric in row.cells else "-" for metric in METRICS),
            ", ".join(row.papers),
        )
        for row in rows
    )
    words = (
        "As papers print them (° worked out of other numbers, ? hard to read, ! as printed but hardly meant); what is "
        "measured here stands on the leaderboard."
    )
    return Section(title, (words,), ("set", "as", "of", "trained on first", *METRICS, "in"), body)


def recipe_section(name: str) -> Section | None:
    """The remark at the top of a recipe, and how its presets are run."""
    try:
        path = resource("recipes", f"{name}.yaml")
    except FileNotFoundError:
        return None
    remark = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        remark.append(line.lstrip("# "))
    recipe = read_yaml(path)
    presets = [*recipe.get("presets", {})] if isinstance(recipe, Mapping) else []
    commands = tuple(f"`avsal bench {name} --preset {preset}`" for preset in presets)
    return Section("Recipe", (" ".join(remark), *([", ".join(commands)] if commands else [])))

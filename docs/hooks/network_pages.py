"""One page a network: its figure, and all that `avsal models NAME` tells of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from avsal_bench.catalogue.about import about
from avsal_bench.catalogue.networks import Row, catalogue
from avsal_bench.catalogue.table import markdown
from avsal_bench.models import model_facts

HOME = Path(__file__).parents[2]
#: Where figures lie, below ``docs/``.
FOLDER = "networks"


def pages() -> dict[str, str]:
    """Text of every page, by its place in the site."""
    rows = catalogue(HOME / "leaderboard" / "records")
    names = dict.fromkeys(row.facts.network for row in rows if row.facts.modality)
    return {f"{FOLDER}/{name}.md": page(name, [row for row in rows if row.facts.network == name]) for name in names}


def page(name: str, rows: Sequence[Row]) -> str:
    """The page of one network."""
    first, *rest = about(name, rows)
    parts = [f"---\nhide: [toc]\n---\n\n# {first.title}", *first.paragraphs, _more(name)]
    if (figure := HOME / "docs" / FOLDER / f"{name}.svg").is_file():
        parts += ["## Data flow", _picture(name, figure), _WORDS.format(name=name, form=rows[-1].facts.label)]
    parts += [
        "## Size, speed, what was verified",
        markdown(rows).replace("(speed.md)", "(../speed.md)"),
        *(section.markdown() for section in rest),
    ]
    return "\n\n".join(parts) + "\n"


_WORDS = """Drawn from one forward of the code: what feeds what has happened. A box is a part of the network with its
class, its parameters and their share of all, and the size of what it gives (channels x time x height x width, without
the batch). A circle joins: + and x by elements, C behind each other, a dot by a product of matrices.
What only decides, or comes to nothing in the map, is left out.
`avsal models {name} --figure FILE.svg` draws it, and `--form` another form of it."""


def _more(name: str) -> str:
    """Where there is more: the page written by hand, the code, the recipe."""
    code = Path(model_facts(name).file).relative_to(HOME).as_posix()
    docs = HOME / "docs"
    own = [docs / f"{name}.md"] if (docs / f"{name}.md").is_file() else _which_link_to(f"../{code}", docs)
    links = [f"[{page.name}](../{page.name})" for page in own]
    links.append(f"[{Path(code).name}](../../{code})")
    recipe = f"avsal_bench/resources/recipes/{name}.yaml"
    if (HOME / recipe).is_file():
        links.append(f"[recipe](../../{recipe})")
    return f"More: {', '.join(links)}."


def _which_link_to(code: str, docs: Path) -> list[Path]:
    """Pages of several networks, such as that of the ViNets, which name the file of each."""
    pages = sorted(docs.glob("*.md"))
    return [page for page in pages if page.name != "ARCHITECTURE.md" and f"]({code})" in page.read_text("utf-8")]


def _picture(name: str, figure: Path) -> str:
    """The figure at its own size; on a phone it is made smaller as far as it can be read, and then moved aside."""
    found = re.search(r'viewBox="0 0 (\d+) ', figure.read_text(encoding="utf-8"))
    width = int(found[1]) if found else 400
    style = f"width: 100%; max-width: {width}px; min-width: {round(0.7 * width)}px"
    return (
        f'<div style="overflow-x: auto" markdown>\n\n![Data flow of {name}]({name}.svg){{ style="{style}" }}\n\n</div>'
    )

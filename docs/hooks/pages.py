"""Hooks of mkdocs: pages that are made from the code, and links to files outside ``docs/``.

- ``datasets/<name>.md``: one page a data set, from its data sheet in ``avsal_bench/data/sets``.
- ``networks/<name>.md``: one page a network; its figure lies beside it, and a link to the figure from another page
  leads to the page.
- ``reference/commands.md``: the help of every command.
- ``layers.svg``: the layers of the package, from the picture in ``ARCHITECTURE.md`` that is held against the imports.
- Files at the root of the repository (the changelog, the rules for contributions) become pages of the site.
- A link from a page to a file of the repository, such as ``../avsal_bench/models/avrsp.py``, leads to a page with that
  file, so that the site is whole without a network.
"""

from __future__ import annotations

import posixpath
import re
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

sys.path.insert(0, str(Path(__file__).parent))

import commands_page
import dataset_pages
import layers_picture
import network_pages

HOME = Path(__file__).parents[2]

#: Files outside ``docs/`` that are pages of the site, by their paths in the repository.
PAGES = {
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    ".github/CONTRIBUTING.md": "contributing.md",
    "CITATION.cff": "citation_file.md",
    "LICENSE": "licence.md",
}
#: Files of the leaderboard, which the site has below ``leaderboard/``.
LEADERBOARD = ("index.html", "leaderboard.csv", "published.csv", "references.bib")
#: Endings of films of the leaderboard and of what belongs to them, which the site has as well.
FILMS = (".webm", ".jpg", ".html")
#: Where a link to a file or folder of the repository leads instead.
INSTEAD = {
    "README.md": "index.md",
    "leaderboard": "leaderboard/index.html",
    "leaderboard/README.md": "leaderboard/index.html",
    "avsal_bench/data/sets": "datasets/index.md",
}
#: Languages of files that are shown.
LANGUAGES = {".py": "python", ".yaml": "yaml", ".yml": "yaml", ".toml": "toml", ".cff": "yaml", ".json": "json"}

LINK = re.compile(r"(\]\()([^)\s#]+)((?:#[^)\s]*)?\))")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)


def links(text: str) -> list[str]:
    """Targets of the links of a page that are neither addresses nor in blocks of code."""
    return [m[2] for m in LINK.finditer(FENCE.sub("", text)) if ":" not in m[2]]


def target(page: str, link: str) -> str | None:
    """Path in the repository that a link of a page leads to, or None if it leads to a page below ``docs/``.

    Args:
        page: path in the repository of the file that the link stands in.
        link: as it is written.
    """
    path = posixpath.normpath(posixpath.join(posixpath.dirname(page), link))
    return None if path.startswith("docs/") else path


def place(path: str) -> str:
    """Where the site has a file of the repository that lies outside ``docs/``."""
    if path in INSTEAD:
        return INSTEAD[path]
    if path in PAGES:
        return PAGES[path]
    if posixpath.dirname(path) == "leaderboard" and posixpath.basename(path) in LEADERBOARD:
        return path
    return f"source/{path}" if path.endswith(".md") else f"source/{path}.md"


def shown(path: str) -> str:
    """The page that shows a file of the repository; the search leaves out code."""
    text = (HOME / path).read_text(encoding="utf-8")
    if path.endswith(".md"):
        return text
    language = LANGUAGES.get(posixpath.splitext(path)[1], "text")
    head = f"---\nsearch: {{exclude: true}}\n---\n# {posixpath.basename(path)}\n\n`{path}`\n\n"
    return f"{head}````{language}\n{text.rstrip()}\n````\n"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made from the code, and those that links ask for."""
    made = {
        **dataset_pages.pages(),
        **network_pages.pages(),
        "reference/commands.md": commands_page.page(),
        "layers.svg": layers_picture.picture((HOME / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")),
    }
    for uri, text in made.items():
        files.append(File.generated(config, uri, content=text))
    films = sorted(path for path in (HOME / "leaderboard" / "films").rglob("*") if path.suffix in FILMS)
    for path in (*(HOME / "leaderboard" / name for name in LEADERBOARD), *films):
        uri = path.relative_to(HOME).as_posix()
        files.append(File.generated(config, uri, abs_src_path=str(path.resolve())))
    todo = [*PAGES]
    for file in files.documentation_pages():
        todo += [path for link in links(file.content_string) if (path := target(f"docs/{file.src_uri}", link))]
    seen: set[str] = set()
    while todo:
        path = todo.pop()
        uri = place(path)
        if uri in seen or files.get_file_from_path(uri) is not None or not (HOME / path).is_file():
            continue
        seen.add(uri)
        files.append(File.generated(config, uri, content=shown(path)))
        SOURCES[uri] = path
        if path.endswith(".md"):
            todo += [found for link in links(shown(path)) if (found := target(path, link))]
    return files


#: Paths in the repository of the pages that show files outside ``docs/``.
SOURCES: dict[str, str] = {}


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links to files outside ``docs/`` into links to their pages; what leads nowhere fails the build."""
    here = page.file.src_uri
    source = SOURCES.get(here, f"docs/{here}")

    def turned(match: re.Match[str]) -> str:
        if ":" in match[2] or not match[2]:
            return match[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), match[2]))
        uri = path.removeprefix("docs/") if path.startswith("docs/") else place(path)
        if uri.startswith("networks/") and not here.startswith("networks/"):
            uri = uri.removesuffix(".svg") + ".md"
        return f"{match[1]}{posixpath.relpath(uri, posixpath.dirname(here) or '.')}{match[3]}"

    if here == "ARCHITECTURE.md":
        markdown = markdown.replace("```layers", "![The layers of the package](layers.svg)\n\n```layers", 1)
    parts, end = [], 0
    for fence in FENCE.finditer(markdown):
        parts += [LINK.sub(turned, markdown[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*parts, LINK.sub(turned, markdown[end:])])

"""What pyproject.toml cannot say: where the project lies, and its README as a page of a package index shows it.

A package is built in many places, and only a checkout knows where it comes from: on GitHub the variables that every
workflow has, elsewhere the remote `origin`. Links of the README into the repository are written out with that address.
Where nobody knows one, their words stay without the link, as they would lead nowhere.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from setuptools import setup

HERE = Path(__file__).resolve().parent
#: A link or a picture of Markdown: "!" or nothing, words, and where it leads.
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
SUFFIXES_OF_PICTURES = (".png", ".svg", ".jpg", ".gif")


def repository() -> str:
    """Address of the repository, or "" where it is not known."""
    if name := os.environ.get("GITHUB_REPOSITORY"):
        return f"{os.environ.get('GITHUB_SERVER_URL', 'https://github.com')}/{name}"
    if (told := HERE / "PKG-INFO").is_file():  # a source distribution, which keeps what its checkout knew
        found = re.search(r"^Project-URL: Source, (\S+)$", told.read_text(encoding="utf-8"), re.MULTILINE)
        return found[1] if found else ""
    if not (HERE / ".git").exists():
        return ""  # any repository around it is another one
    command = ["git", "-C", str(HERE), "remote", "get-url", "origin"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
    found = re.sub(r"^(?:ssh://)?git@([^:/]+)[:/]", r"https://\1/", found).removesuffix(".git")
    return found if re.fullmatch(r"https://[\w.-]+(/[\w.-]+)+", found) else ""


def as_index_page(text: str, address: str) -> str:
    """The README with links that lead somewhere from anywhere; ``address`` is "" where it is not known."""

    def written_out(link: re.Match[str]) -> str:
        picture, words, place = link.groups()
        if re.match(r"[a-z]+:|#", place):
            return link[0]
        if not address:
            return "" if picture else words
        kind = "raw" if place.partition("#")[0].endswith(SUFFIXES_OF_PICTURES) else "blob"
        return f"{picture}[{words}]({address}/{kind}/HEAD/{place})"

    return LINK.sub(written_out, text)


def main() -> None:
    """Build, with the two that are found here."""
    address = repository()
    paths = {"Source": "", "Issues": "/issues", "Changelog": "/blob/HEAD/CHANGELOG.md"}
    setup(
        long_description=as_index_page((HERE / "README.md").read_text(encoding="utf-8"), address),
        long_description_content_type="text/markdown",
        project_urls={name: f"{address}{path}" for name, path in paths.items()} if address else {},
    )


if __name__ == "__main__":
    main()

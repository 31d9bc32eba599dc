"""What a leaderboard is made of besides records: scores of papers, references, networks that are not built, costs.

These tables come with the package. A file of the same name in a leaderboard's folder takes the place of the package's.
"""

from __future__ import annotations

from pathlib import Path

from avsal_bench.resources import resource

#: What papers print, the methods among them that no network here is of, and the papers.
PUBLISHED, NOT_BUILT, REFERENCES = "published.csv", "not_built.csv", "references.bib"
#: What authors hand out of single videos.
PUBLISHED_VIDEOS = "published_videos.csv"
#: Size and speed of networks, made by ``avsal models --csv``.
NETWORKS = "networks.csv"


def given_file(folder: Path, name: str) -> Path:
    """The file that counts for a leaderboard: the one in its folder, else the package's."""
    own = folder / name
    return own if own.exists() else resource(name)


def given_not_built(folder: Path) -> Path:
    """As :func:`given_file`, of ``not_built.csv``: it speaks of methods of ``published.csv``, and goes with that."""
    return _beside_published(folder, NOT_BUILT)


def given_published_videos(folder: Path) -> Path:
    """As :func:`given_file`, of ``published_videos.csv``: it goes with ``published.csv`` too."""
    return _beside_published(folder, PUBLISHED_VIDEOS)


def _beside_published(folder: Path, name: str) -> Path:
    return folder / name if (folder / PUBLISHED).exists() else given_file(folder, name)


def own_files(folder: Path) -> list[Path]:
    """Files of a leaderboard's folder that take the place of others of the package."""
    own = [folder / name for name in (PUBLISHED, PUBLISHED_VIDEOS, NOT_BUILT, REFERENCES, NETWORKS)]
    return [path for path in own if path.exists() and path.read_bytes() != resource(path.name).read_bytes()]

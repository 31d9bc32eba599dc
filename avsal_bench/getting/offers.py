"""Where something is offered, in words that a data set or a network can write down, and the addresses they stand for.

An address is one of these::

    https://host/path              or http://, as it is
    torchvision:<enum>.<member>    the address that torchvision itself has of these weights
    timm:<name>.<tag>              the address that timm itself has of these weights
    hf:<owner>/<name>/<file>       a file of a model on Hugging Face; with datasets/ in front, of a data set
    drive:<id>                     a file on Google Drive, by gdown (an extra)
    ""                             nowhere without a person
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

#: The environment in the place of ``--from``.
MIRROR = "AVSAL_MIRROR"


@dataclass(frozen=True)
class Piece:
    """One file of a data set.

    Args:
        what: is in it, such as ``frames``; ``--only`` takes these words.
        file: its name in the folder of downloads.
        into: folder below the data root whose content it holds, such as ``video_frames/AVAD``.
        url: where it is offered, see above; "" for one that a person fetches.
        sha256: of the file, whole or its first digits; "" where nobody here has seen the file.
        holds: some names that lie directly in ``into``, by which it is found in the archive at whatever depth; by
            default those of the set's videos.
        instead: folders below the root that do as well, where each video has its file or folder.
        unasked: False for a piece that is fetched only where ``--only`` names it.
    """

    what: str
    file: str
    into: str
    url: str = ""
    sha256: str = ""
    holds: tuple[str, ...] = ()
    instead: tuple[str, ...] = ()
    unasked: bool = True


@dataclass(frozen=True)
class Online:
    """Where the files of a data set are offered.

    Args:
        pieces: archives.
        steps: what a person does where no piece, or not every piece, can be fetched; ``{root}`` and ``{downloads}``
            stand for the folders.
        repository: ``<owner>/<name>`` of a data set on Hugging Face that is all of it, in its layout; "" for none.
    """

    pieces: tuple[Piece, ...] = ()
    steps: tuple[str, ...] = ()
    repository: str = ""


def address(url: str) -> str:
    """The address that an offer stands for, of ``https:``, ``http:`` or ``drive:``; no connection is made.

    Raises:
        ValueError: for one that the library of that kind does not know.
    """
    kind, _, name = url.partition(":")
    try:
        if kind == "torchvision":
            from torchvision.models import get_weight

            return str(get_weight(name).url)
        if kind == "timm":
            from timm.models import get_pretrained_cfg

            found = get_pretrained_cfg(name)
            if found is None or not found.url:
                raise ValueError("no such weights")
            return str(found.url)
        if kind == "hf":
            return _of_hugging_face(name)
    except (ValueError, AttributeError, RuntimeError) as error:
        raise ValueError(f"{url}: the installed {kind} does not know where that is ({error})") from error
    if kind not in ("https", "http", "drive"):
        raise ValueError(
            f"{url}: expected an address that starts with https:, http:, torchvision:, timm:, hf: or drive:"
        )
    return url


def _of_hugging_face(name: str) -> str:
    from huggingface_hub import hf_hub_url

    kind = "dataset" if name.startswith("datasets/") else "model"
    owner, repository, file = name.removeprefix("datasets/").split("/", 2)
    return hf_hub_url(f"{owner}/{repository}", file, repo_type=kind)


def mirrored(url: str, mirror: str) -> str:
    """The same file on a mirror, which keeps files as ``wget -x`` does: below the name of their host.

    Args:
        url: an address; see :func:`address`.
        mirror: the address of a server, or of a folder on it; "" for none.

    Raises:
        ValueError: for a mirror that is no http address.

    >>> mirrored("https://host.org/data/AVAD.tar.gz", "http://lab:8000/mirror/")
    'http://lab:8000/mirror/host.org/data/AVAD.tar.gz'
    """
    if not mirror:
        return url
    if urlsplit(mirror).scheme not in ("http", "https") or not urlsplit(mirror).netloc:
        raise ValueError(
            f"{mirror}: expected the address of a mirror, such as http://lab:8000/mirror (--from, {MIRROR})"
        )
    parts = urlsplit(url if not url.startswith("drive:") else f"https://drive.google.com/{url.removeprefix('drive:')}")
    query = f"?{parts.query}" if parts.query else ""
    return f"{mirror.rstrip('/')}/{quote(parts.netloc)}{parts.path}{query}"


def mirror_of(given: str | None) -> str:
    """The mirror that is given, else that of the environment (``AVSAL_MIRROR``), else ""."""
    return given or os.environ.get(MIRROR, "")


def last_step(files: Sequence[Path]) -> str:
    """What a person does with the files that they fetched."""
    names = ", ".join(file.name for file in files)
    what = "it" if len(files) == 1 else "them"
    return f"put {what} into {files[0].parent} as {names}, and run the same command again"


def terms(licence: str, source: str) -> str:
    """What whoever fetches something must have read, in a sentence or two."""
    if licence.startswith("not stated"):
        return (
            "its authors state no licence, and without one the law of your country decides what you may do with it. "
            f"Ask them before you hand it on or show parts of it: {source}"
        )
    return f"{licence}; {source}"

"""What a repository of a data set on Hugging Face holds, by the library of its makers."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any

from avsal_bench.getting.archives import safe_path
from avsal_bench.getting.connection import NotSent, reason
from avsal_bench.names import shortened

#: How a user names one: ``hf:<owner>/<name>``, and perhaps ``@<revision>``.
PREFIX = "hf:"
#: Seconds that it may take to answer.
_PATIENCE = 30.0


@dataclass(frozen=True)
class File:
    """One file of a repository.

    Args:
        path: in the repository, and below the folder that it goes into.
        url: of this very content.
        bytes: of it.
        sha256: of it; "" for a small one, of which Hugging Face does not say it.
    """

    path: str
    url: str
    bytes: int | None
    sha256: str


@dataclass(frozen=True)
class Repository:
    """A data set on Hugging Face.

    Args:
        name: of the repository, without its owner.
        page: of it.
        licence: that its card states; ``not stated`` where it does not.
        files: but for hidden ones.
    """

    name: str
    page: str
    licence: str
    files: tuple[File, ...]


def repository(asked: str) -> Repository:
    """Ask Hugging Face what is in a data set: names, lengths and SHA-256, and its licence.

    The environment ``HF_ENDPOINT`` names a mirror of it.

    Args:
        asked: ``<owner>/<name>``, and perhaps ``@`` and a revision.

    Raises:
        ValueError: for a name of another form, and a repository with paths that lead out.
        NotSent: where it is not there, not for everyone, or does not answer.
    """
    from huggingface_hub import HfApi, hf_hub_url

    full, _, revision = asked.partition("@")
    if not re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", full):
        raise ValueError(f"{PREFIX}{asked}: expected {PREFIX}<owner>/<name>, such as {PREFIX}ANDRYHA/CrowdSAL")
    endpoint = os.environ.get("HF_ENDPOINT") or None
    try:
        found = HfApi(endpoint=endpoint).dataset_info(
            full, revision=revision or None, files_metadata=True, timeout=_PATIENCE
        )
    except Exception as error:  # those of the library, and of whichever client it uses
        said = (str(error).strip() or reason(error)).splitlines()[0]
        raise NotSent(
            f"{PREFIX}{asked}: Hugging Face does not say what is in it ({type(error).__name__}: {said}); is the name "
            "right, and do you have access (`hf auth login`)?"
        ) from error
    files = []
    for one in found.siblings or ():
        try:
            path = safe_path(one.rfilename)
        except ValueError as error:
            raise ValueError(f"{PREFIX}{asked}: holds {shortened(one.rfilename)} ({error}); ask its authors") from None
        if path is not None:
            url = hf_hub_url(full, one.rfilename, repo_type="dataset", revision=found.sha, endpoint=endpoint)
            digest = str(getattr(one.lfs, "sha256", "") or "")
            files.append(File(path.as_posix(), url, one.size, digest))
    card: Any = found.card_data or {}
    licence = card.get("license") or "not stated"
    words = ", ".join(map(str, licence)) if isinstance(licence, list) else str(licence)
    page = f"{endpoint or 'https://huggingface.co'}/datasets/{full}"
    return Repository(full.split("/")[1], page, words, tuple(files))

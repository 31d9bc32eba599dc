"""`avsal data get hf:OWNER/NAME`: a data set of anyone on Hugging Face, into a folder of a data root."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path, PurePosixPath

from avsal_bench.getting.archives import OPENED, is_archive
from avsal_bench.getting.carry_out import DONE, Asked, carry_out
from avsal_bench.getting.download import is_unfinished
from avsal_bench.getting.hugging_face import PREFIX, File, repository
from avsal_bench.getting.offers import terms
from avsal_bench.getting.placing import put_file, put_in_place
from avsal_bench.getting.wanted import DOWNLOADS, Wanted, unpacked
from avsal_bench.text import many


def get_repository(
    asked_name: str,
    root: Path,
    asked: Asked,
    into: str = "",
    names: str = "",
    leave: Callable[[str], bool] | None = None,
) -> int:
    """Fetch what a data root lacks of a repository, with its archives unpacked, each into a folder of its name.

    Args:
        asked_name: ``hf:<owner>/<name>``, and perhaps ``@<revision>``.
        root: the data root; the files go into ``<root>/<name>``.
        asked: how.
        into: name of the folder in the place of that of the repository, for a set that has a layout here.
        names: of the sets that are fetched, where they have names here; they stand in tables and in what is accepted.
        leave: whether a file of the repository, by its path there, is left out.

    Returns:
        The exit code.

    Raises:
        ValueError, OSError: as :func:`~avsal_bench.getting.hugging_face.repository`, and for a root that has no room.
    """
    found = repository(asked_name.removeprefix(PREFIX))
    folder = root / (into or found.name)
    name = names or asked_name
    own = {_place(folder, file) for file in found.files if not is_archive(file.path)}
    lacking = [
        file
        for file in found.files
        if not (leave and leave(file.path))
        if not _is_there(folder, file, own) or is_unfinished(root / DOWNLOADS / found.name / file.path)
    ]
    if not lacking:
        print(f"{name}: is there already, in {folder}")
        return DONE
    wanted = {
        Wanted(
            name,
            file.path,
            file.url,
            root / DOWNLOADS / found.name / file.path,
            _place(folder, file),
            file.sha256,
            file.bytes,
        ): file
        for file in lacking
    }
    text = terms(found.licence, found.page)
    terms_of = dict.fromkeys(name.split(", "), text)
    code = carry_out([*wanted], root, asked, terms_of, {}, lambda one, path: _put(path, one.to, root))
    if code == DONE and not asked.dry_run and not into:
        print(f"next: `avsal data init {folder}` looks at the files and describes the set")
    return code


def _place(folder: Path, file: File) -> Path:
    """Where a file goes, or the folder for what is in it."""
    path = PurePosixPath(file.path)
    if not is_archive(path.name):
        return folder / path
    suffix = next(one for one in sorted(OPENED, key=len, reverse=True) if path.name.lower().endswith(one))
    return folder / path.with_name(path.name[: -len(suffix)] or "archive")


def _is_there(folder: Path, file: File, own: Collection[Path]) -> bool:
    """Whether a file is there, or something of an archive besides the repository's own files in that folder."""
    place = _place(folder, file)
    if is_archive(file.path):
        return any(path not in own for path in place.rglob("*") if path.is_file())
    return place.is_file() and (file.bytes is None or place.stat().st_size == file.bytes)


def _put(path: Path, to: Path, root: Path) -> str:
    """Unpack an archive, or move a file; nothing that is there is replaced."""
    if not is_archive(path.name):
        put_file(path, to)
        return str(to)
    with unpacked(path, root) as content:
        alone = [*content.iterdir()]
        inner = alone[0] if len(alone) == 1 and alone[0].is_dir() and alone[0].name == to.name else content
        moved, _ = put_in_place(inner, to)
    return f"{many(moved, 'file')} put into {to}"

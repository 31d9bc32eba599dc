"""`avsal data get`: which files of which sets are lacking in a data root, fetched, unpacked and put into the layout."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from avsal_bench.data.dataset import DataSet, dataset
from avsal_bench.data.layouts.lists import PACKAGED_LISTS, read_fold_list
from avsal_bench.data.repositories import get_repository
from avsal_bench.getting.archives import is_archive
from avsal_bench.getting.carry_out import DONE, FAILED, NEEDS_YOU, Asked, carry_out
from avsal_bench.getting.download import is_unfinished
from avsal_bench.getting.hugging_face import PREFIX
from avsal_bench.getting.offers import Piece, last_step, terms
from avsal_bench.getting.placing import find_top, put_in_place
from avsal_bench.getting.wanted import DOWNLOADS, Wanted, unpacked
from avsal_bench.names import pick
from avsal_bench.strays import same_name
from avsal_bench.text import many


def get_sets(names: Sequence[str], root: Path, asked: Asked, only: Sequence[str] = ()) -> tuple[int, list[str]]:
    """Fetch what a data root lacks of some sets, and put it into their layout.

    Args:
        names: of sets.
        root: the data root, which may be new.
        asked: how.
        only: parts to fetch, such as ``frames``; by default all but those that the package has.

    Returns:
        The exit code, and the sets that are whole now and were not before: those to check.

    Raises:
        ValueError: for a set that nobody offers here, and an unknown part.
        OSError: when the root cannot be written, or has no room.
    """
    wanted: dict[Piece, list[DataSet]] = {}
    by_hand = []
    sets = [dataset(name) for name in names]
    codes, whole = _get_repositories([one for one in sets if one.online and one.online.repository], root, asked, only)
    for one in (one for one in sets if not one.online or not one.online.repository):
        lacking = _lacking(one, root, only)
        if lacking is None:
            by_hand.append(one)
        elif not lacking:
            print(f"{one.name}: is there already, in {root}; `avsal data check {one.name}` looks at every file")
        for piece in lacking or ():
            wanted.setdefault(piece, []).append(one)
    for one in by_hand:
        print(_steps(one, root))
    if not wanted:
        return _worst([*codes, NEEDS_YOU if by_hand else DONE]), whole
    files = {_wanted(piece, root, sets): (piece, sets) for piece, sets in wanted.items()}
    accept = {one.name: _terms(one) for sets in wanted.values() for one in sets}
    steps = {
        file.name: [*_filled(sets[0], root), last_step([one.place for one in files if one.name == file.name])]
        for file, (_, sets) in files.items()
    }
    code = carry_out([*files], root, asked, accept, steps, lambda file, path: _put(*files[file], path, root))
    code = NEEDS_YOU if code == DONE and by_hand and not asked.dry_run else code
    got = {one.name: one for sets in wanted.values() for one in sets}
    return _worst([*codes, code]), [*whole, *(name for name, one in got.items() if not _lacking(one, root, only))]


#: Parts of a set in a repository by the names of its files and folders.
_REPOSITORY_PARTS = {"frames": "videos", "maps": "saliency", "fixations": "fixations"}


def _get_repositories(
    sets: Sequence[DataSet], root: Path, asked: Asked, only: Sequence[str]
) -> tuple[list[int], list[str]]:
    """Fetch sets that are whole repositories, each repository once: the codes, and the sets that are whole now."""
    for what in only if sets else ():
        pick(f"part of {sets[0].name}", what, dict.fromkeys(_REPOSITORY_PARTS))
    others = [word for what, word in _REPOSITORY_PARTS.items() if only and what not in only]
    codes, whole = [], []
    together: dict[str, list[DataSet]] = {}
    for one in sets:
        together.setdefault(one.online.repository if one.online else "", []).append(one)
    for repository, its in together.items():
        folders = (its[0].folder, *its[0].also)
        into = next((name for name in folders if (root / name).is_dir()), its[0].folder)
        names = ", ".join(one.name for one in its)
        codes.append(get_repository(f"{PREFIX}{repository}", root, asked, into, names, _named_as(others)))
        if codes[-1] == DONE and not asked.dry_run:
            whole += [one.name for one in its if _is_listed(one, root)]
    return codes, whole


def _named_as(words: Sequence[str]) -> Callable[[str], bool]:
    """Whether a file or one of its folders has a name that starts with one of some words."""
    return lambda path: any(part.lower().startswith(word) for part in path.split("/") for word in words)


def _is_listed(one: DataSet, root: Path) -> bool:
    try:
        return bool(one.videos(root, "test", 1))
    except (OSError, ValueError):
        return False


def _worst(codes: Sequence[int]) -> int:
    """The exit code of all of several."""
    return FAILED if FAILED in codes else max(codes)


def lacking_videos(piece: Piece, names: Iterable[str], root: Path) -> list[str]:
    """Videos of which a root has nothing where a piece goes, nor in the folders that do as well."""
    folders = [root / folder for folder in (piece.into, *piece.instead)]
    found = {
        same_name(spelled)
        for folder in folders
        if folder.is_dir()
        for path in folder.iterdir()
        if not path.is_dir() or any(path.iterdir())
        for spelled in (path.name, path.stem)
    }
    return [name for name in names if same_name(name) not in found]


def _lacking(one: DataSet, root: Path, only: Sequence[str]) -> list[Piece] | None:
    """The pieces of a set that a root lacks; None where it is lacking and nobody offers pieces of it."""
    if one.online is None:
        kind = "is made here, and needs no download" if one.embedded else "is not offered anywhere that is known here"
        where = f"; {one.facts.source}" if one.facts else ""
        raise ValueError(f"{one.name}: {kind}{where}")
    if not one.online.pieces:
        return [] if _can_be_read(one, root) else None
    parts = list(dict.fromkeys(piece.what for piece in one.online.pieces))
    for what in only:
        pick(f"part of {one.name}", what, dict.fromkeys(parts))
    asked = [piece for piece in one.online.pieces if (piece.what in only if only else piece.unasked)]
    return [piece for piece in asked if _is_lacking(one, piece, root)]


def _can_be_read(one: DataSet, root: Path) -> bool:
    """Whether the layout of a set finds videos of it."""
    try:
        return all(one.videos(root, part, 1) for part in one.parts)
    except (FileNotFoundError, ValueError):
        return False


def _is_lacking(one: DataSet, piece: Piece, root: Path) -> bool:
    names = piece.holds or _listed(_whose(one, piece), root)
    if is_unfinished(root / DOWNLOADS / piece.file):  # what was moved may be a part of it
        return True
    if names:
        return bool(lacking_videos(piece, names, root))
    return not (root / piece.into).is_dir() or not any((root / piece.into).iterdir())


def _whose(one: DataSet, piece: Piece) -> DataSet:
    """The set that a piece is of: of a set over the files of others, the one of them that offers it."""
    others = (dataset(name) for name in one.over)
    return next((other for other in others if other.online and piece in other.online.pieces), one)


def _listed(one: DataSet, root: Path) -> tuple[str, ...]:
    """The videos that the lists of a root name, else those of the package; none for a set without such lists."""
    name = f"{one.folder}_list_*_fps.txt"
    paths = sorted((root / "fold_lists").glob(name)) or sorted(PACKAGED_LISTS.glob(name))
    return tuple(dict.fromkeys(video.name for path in paths for video in read_fold_list(path)))


def _wanted(piece: Piece, root: Path, sets: Sequence[DataSet]) -> Wanted:
    place = root / DOWNLOADS / piece.file
    names = ", ".join(one.name for one in sets)
    return Wanted(names, piece.what, piece.url, place, root / piece.into, piece.sha256)


def _put(piece: Piece, sets: Sequence[DataSet], archive: Path, root: Path) -> str:
    """Unpack an archive, and put what is in it into the layout."""
    if not is_archive(archive.name):
        return str(archive)
    with unpacked(archive, root) as stage:
        names = piece.holds or [name for one in sets for name in _listed(_whose(one, piece), root)]
        try:
            top = find_top(stage, Path(piece.into).name, names)
        except ValueError as error:
            raise ValueError(f"{archive}: {error}") from None
        moved, there = put_in_place(top, root / piece.into)
    also = f", {many(there, '', 'were')} there" if there else ""
    return f"{many(moved, 'file')} put into {root / piece.into}{also}"


def _terms(one: DataSet) -> str:
    facts = one.facts
    return terms(facts.licence if facts else "not stated", facts.source if facts else "")


def _filled(one: DataSet, root: Path) -> list[str]:
    places = {"root": str(root), "downloads": str(root / DOWNLOADS)}
    steps = one.online.steps if one.online else ()
    filled = []
    for step in steps:
        for name, place in places.items():
            step = step.replace(f"{{{name}}}", place)
        filled.append(step)
    return filled


def _steps(one: DataSet, root: Path) -> str:
    lines = "\n".join(f"  {number}. {line}" for number, line in enumerate(_filled(one, root), 1))
    return f"{one.name} needs a person:\n{lines}\nterms of {one.name}: {_terms(one)}"

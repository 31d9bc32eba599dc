"""Records of several places as those of one leaderboard: what two places have alike counts once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from avsal_bench.plain_values import read_plain
from avsal_bench.records import Record, read_record, read_records, record_path
from avsal_bench.strays import without_strays

#: Where records lie in a repository, the first that is there; else all of it is looked through.
FOLDERS = ("records", "leaderboard/records")


def board_records(folder: Path, places: Sequence[Path] = ()) -> Iterator[tuple[Path, Record]]:
    """Records of a leaderboard, each with its file.

    Args:
        folder: of the leaderboard, whose own records count where no places are named.
        places: in their stead, as :func:`~avsal_bench.leaderboard.record_places.local_places` gives them.

    Raises:
        ValueError: as :func:`~avsal_bench.records.read_records` and :func:`merged`.
        FileNotFoundError: as :func:`record_files`.
    """
    return (
        merged(file for place in places for file in record_files(place)) if places else read_records(folder / "records")
    )


def merged(files: Iterable[Path]) -> Iterator[tuple[Path, Record]]:
    """Records of files, one of each test: a model, modality, set, fold, seed, protocol, sound and precision.

    Raises:
        ValueError: naming a file that is no record, and two of one test that differ.
    """
    seen: dict[str, Path] = {}
    for file in files:
        record = read_record(file)
        first = seen.setdefault(identity(record).casefold(), file)
        if first == file:
            yield file, record
        elif differ(first, file):
            raise ValueError(f"{first} and {file} are of the same test and differ; take one of them away")


def identity(record: Record) -> str:
    """What tells one test from another: where its record lies below ``records``."""
    r = record
    return record_path(Path(), r.network, r.dataset, r.fold, r.seed, r.protocol, r.sound).as_posix()


def record_files(place: Path) -> list[Path]:
    """Files of records in a folder, however deep, sorted; a file alone is itself.

    Args:
        place: a folder of records; one of a leaderboard or a repository, of which only :data:`FOLDERS` counts where it
            has one; or a file.

    Raises:
        FileNotFoundError: for a folder without any.
        ValueError: naming a link in it that leads to a folder elsewhere. Those to folders in it are passed over.
    """
    if not place.is_dir():
        return [place]
    top = _top(place)
    found = next((top / name for name in FOLDERS if (top / name).is_dir()), top)
    files = [file for folder in _folders(found) for file in without_strays(folder.glob("*.json"))]
    if not files:
        raise FileNotFoundError(f"{place}: no record below this folder; records are .json files of `avsal bench`")
    return sorted(files)


def named_files(names: Sequence[str], places: Sequence[Path]) -> list[Path]:
    """Files of records that are named as they lie below places, such as ``stavis/diem/*.json``.

    Args:
        names: paths, or patterns of them.
        places: as :func:`board_records` takes them; none where the names are paths of files.

    Raises:
        FileNotFoundError: for a name that no file has.
        ValueError: for two files of one test that differ.
    """
    if not places:
        return [Path(name) for name in names]
    files = [file for place in places for file in record_files(place)]
    found: dict[Path, None] = {}
    for name in names:
        matching = [file for file in files if PurePosixPath(file.as_posix()).match(name)]
        if not matching:
            some = ", ".join("/".join(file.parts[-3:]) for file in files[:3])
            raise FileNotFoundError(f"no record is called {name} there; there are {some}, and so on")
        found |= dict.fromkeys(matching)
    return [file for file, _ in merged(found)]


def differ(first: Path, second: Path) -> bool:
    """Whether two files of records hold other values, however these are written."""
    return first.resolve() != second.resolve() and read_plain(first.read_bytes()) != read_plain(second.read_bytes())


def _top(folder: Path) -> Path:
    """The folder itself, or the one in it that is all it has, as in archives of repositories."""
    inside = without_strays(folder.iterdir())
    return inside[0] if len(inside) == 1 and inside[0].is_dir() and inside[0].name != "records" else folder


def _folders(root: Path) -> Iterator[Path]:
    """A folder and those in it; no link is followed: what comes from others may lead round and round, or anywhere."""
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        yield folder
        for path in without_strays(path for path in folder.iterdir() if path.is_dir()):
            if not path.is_symlink():
                waiting.append(path)
            elif not path.resolve().is_relative_to(root.resolve()):
                raise ValueError(
                    f"{path}: a link to a folder elsewhere, which is not followed; name {path.resolve()} with "
                    "--records too where its records are meant, else take the link away"
                )

"""Lists of names of videos as people keep them: text, a table, or a sheet of Excel. Files of anyone, so bounded."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

from avsal_bench.data.places import is_video_file
from avsal_bench.files import regular_file
from avsal_bench.names import safe_name

#: Endings of lists of names, in the order in which they are looked for.
SUFFIXES = (".txt", ".csv", ".xlsx")
#: Bytes of a list, and of one part of a sheet unpacked, at most; the released ones have 50 thousand and 200 thousand.
_MOST, _MOST_UNPACKED = 4_000_000, 16_000_000
#: First lines of tables that are no name, in lower case.
_HEADS = {"name", "video", "videoname", "video name", "video_name", "videos", "filename"}
#: The space of names of a sheet of Excel.
_SPACE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def find_names(folders: Iterable[Path], stem: str) -> Path | None:
    """The list of that name without its ending, in the first folder that has it; None where there is none.

    Raises:
        ValueError: for two lists of one folder.
    """
    for folder in folders:
        found = [path for suffix in SUFFIXES if (path := folder / f"{stem}{suffix}").is_file()]
        if len(found) > 1:
            raise ValueError(f"{found[0]} and {found[1]} are both lists of one part; keep one")
        if found:
            return found[0]
    return None


def read_names(path: Path) -> list[str]:
    """The names of a list, one a line or a row: the first entry with letters; each once, in the order of the list.

    Where the first row has a head such as ``VideoName``, its column has the names. A line that begins with ``#`` is
    none, and the ending of a video file is no part of a name.

    Raises:
        FileNotFoundError: when there is no such list.
        ValueError: naming the file, for one that cannot be read, is too large, or has no name; and for a name that is
            no safe part of a path.
    """
    data = regular_file(path, _MOST, links=True).read_bytes()
    rows = _rows_of_sheet(path, data) if path.suffix.lower() == ".xlsx" else _rows_of_text(path, data)
    named = []
    column: int | None = None
    for number, row in enumerate(rows):
        cells = [cell.strip() for cell in row]
        if not number and (head := [k for k, cell in enumerate(cells) if cell.lower() in _HEADS]):
            column = head[0]
            continue
        with_letters = (cell for cell in cells if re.search(r"[^0-9.,\s]", cell))
        entry = next(with_letters, "") if column is None else "".join(cells[column : column + 1])
        if entry and not entry.startswith("#"):
            named.append(entry)
    if not named:
        raise ValueError(f"{path}: the list names no video")
    plain = (entry.rpartition(".")[0] if is_video_file(Path(entry)) else entry for entry in named)
    return list(dict.fromkeys(safe_name(f"{path}: video", name) for name in plain))


def _rows_of_text(path: Path, data: bytes) -> Iterator[Sequence[str]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: the list is not in UTF-8 ({error.reason}, byte {error.start}); save it so") from None
    if path.suffix.lower() == ".csv":
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=";" if ";" in text else ",")
    else:
        yield from (line.split() for line in text.splitlines())


def _rows_of_sheet(path: Path, data: bytes) -> Iterator[list[str]]:
    """Texts of the rows of the first sheet of a workbook."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as book:
            sheets = [name for name in book.namelist() if re.fullmatch(r"xl/worksheets/[^/]+\.xml", name)]
            if not sheets:
                raise ValueError("no sheet in it")
            texts: list[str] = []
            if "xl/sharedStrings.xml" in book.namelist():
                texts = [_text(entry) for entry in _parsed(book, "xl/sharedStrings.xml")]
            sheet = _parsed(book, min(sheets, key=lambda name: (len(name), name)))
            for row in sheet.iter(f"{_SPACE}row"):
                yield _row(row, texts)
    except (zipfile.BadZipFile, ElementTree.ParseError, ValueError, IndexError, KeyError, NotImplementedError) as error:
        raise ValueError(
            f"{path}: not read as a sheet of Excel ({error}); save it as {path.stem}.txt, one name a line"
        ) from error


def _parsed(book: zipfile.ZipFile, name: str) -> ElementTree.Element:
    with book.open(name) as file:
        data = file.read(_MOST_UNPACKED + 1)
    if len(data) > _MOST_UNPACKED:
        raise ValueError(f"{name} unpacks to more than {_MOST_UNPACKED:,} bytes")
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data or b"\0" in data:
        raise ValueError(f"{name} declares entities, or is not in UTF-8, which no sheet does")
    return ElementTree.fromstring(data)


def _text(entry: ElementTree.Element) -> str:
    """The text of an entry, whole or in runs; how it is read aloud is not a part of it."""
    return "".join(
        text.text or "" for part in (entry, *entry.findall(f"{_SPACE}r")) for text in part.findall(f"{_SPACE}t")
    )


def _row(row: ElementTree.Element, texts: Sequence[str]) -> list[str]:
    """Texts of a row, each in its column: cells with nothing in them are left out of a file."""
    found: list[str] = []
    for cell in row.iter(f"{_SPACE}c"):
        if place := re.match(r"[A-Z]{1,3}(?=[0-9])", cell.get("r", "")):
            column = sum((ord(letter) - 64) * 26**k for k, letter in enumerate(reversed(place[0])))
            found += [""] * (column - 1 - len(found))
        found.append(_cell(cell, texts))
    return found


def _cell(cell: ElementTree.Element, texts: Sequence[str]) -> str:
    if cell.get("t") == "inlineStr":
        return "".join(map(_text, cell.findall(f"{_SPACE}is")))
    value = cell.findtext(f"{_SPACE}v") or ""
    return texts[int(value)] if cell.get("t") == "s" and value else value

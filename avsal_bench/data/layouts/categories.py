"""Kinds of scenes: ``categories.csv``, as any program for tables saves it."""

from __future__ import annotations

import csv
from pathlib import Path

from avsal_bench.names import shortened
from avsal_bench.strays import same_name
from avsal_bench.text import many

#: The two columns that count; others may stand beside them, in any order.
COLUMNS = ("video", "category")
#: Longest category that a record holds.
LONGEST = 100


def read_categories(path: Path) -> dict[str, str]:
    """The category of each video, by its name; none where there is no file.

    Columns are parted by commas, semicolons or tabs, with or without a byte-order mark.

    Raises:
        ValueError: naming the file and the line, for one without these columns, a line of another length, a video
            that has two categories, or another encoding than UTF-8.
    """
    return {name: category for name, (_, category) in categories_by_line(path).items()}


def categories_by_line(path: Path) -> dict[str, tuple[int, str]]:
    """As :func:`read_categories`, each with the number of its line."""
    if not path.is_file():
        return {}
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path}: the table is not in UTF-8 ({error.reason}, byte {error.start}); save it so"
        ) from None
    header = text.partition("\n")[0]
    reader = csv.reader(text.splitlines(), delimiter=max(",;\t", key=header.count), strict=True)
    found: dict[str, tuple[int, str]] = {}
    places: list[int] = []
    columns: list[str] = []
    try:
        for row in reader:
            line = reader.line_num
            if not any(cell.strip() for cell in row):
                continue
            if not columns:
                columns = [cell.strip().lower() for cell in row]
                if any(columns.count(name) != 1 for name in COLUMNS):
                    raise ValueError(
                        f"{path}:{line}: expected the columns video and category, got {', '.join(columns)}"
                    )
                places = [columns.index(name) for name in COLUMNS]
                continue
            if len(row) != len(columns):
                raise ValueError(f"{path}:{line}: {many(len(row), 'column')}, the first line has {len(columns)}")
            name, category = (row[place].strip() for place in places)
            if not category.isprintable() or len(category) > LONGEST:
                raise ValueError(
                    f"{path}:{line}: the category {shortened(category)} should be text of at most {LONGEST} letters"
                )
            before = found.setdefault(same_name(name), (line, category))
            if before[1] != category:
                raise ValueError(
                    f"{path}:{line}: {name!r} has the category {category!r}, and {before[1]!r} in line {before[0]}"
                )
    except csv.Error as error:
        raise ValueError(f"{path}:{reader.line_num}: no table ({error}); save it again as CSV") from None
    return found

"""``card``: the model card of a network, as text."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from avsal_bench.catalogue.card.model_card import model_card
from avsal_bench.leaderboard.known_facts import facts
from avsal_bench.leaderboard.merged_records import board_records
from avsal_bench.leaderboard.record_places import local_places
from avsal_bench.records import Record
from avsal_bench.resources import home

Places = str | os.PathLike[str] | Record


def card(model: str, records: Places | Iterable[Places] | None = None, weights: str | os.PathLike[str] = "") -> str:
    """The model card of a network: Markdown with a head in YAML, as the Hugging Face Hub reads it.

    >>> import avsal_bench
    >>> print(avsal_bench.card("stavis", records=[])[:20])
    ---
    license: unknown

    Args:
        model: name of the network, of a variant of it such as ``mspi-s3d``, or of a method that papers print.
        records: with its scores: records in memory, or where they lie, a folder, a file, an archive or the address of
            one, as :func:`avsal_bench.load_records` takes them; or several. By default those of the leaderboard.
        weights: that the card is about: the path of a file, or the name of published ones; only records of these count.

    Returns:
        The card. What is not known stands there as unknown.

    Raises:
        ValueError: for an unknown network, with the nearest name; for weights of another one, and for records that
            cannot be read.
        FileNotFoundError: for records or weights that are not there.
    """
    board = home() / "leaderboard"
    if records is None:
        found = [record for _, record in board_records(board)]
    else:
        found = [*_records([records] if isinstance(records, str | os.PathLike | Record) else records)]
    return model_card(model, found, os.fspath(weights), facts(board))


def _records(several: Iterable[Places]) -> Iterator[Record]:
    places: list[str | os.PathLike[str]] = []
    for one in several:
        if isinstance(one, Record):
            yield one
        elif isinstance(one, str | os.PathLike):
            places.append(one)
        else:
            raise TypeError(f"expected a folder, a file or a record, got {one!r}")
    if places:
        local, notes = local_places(places)
        for note in notes:
            print(f"note: {note}", file=sys.stderr)
        yield from (record for _, record in board_records(Path(), local))

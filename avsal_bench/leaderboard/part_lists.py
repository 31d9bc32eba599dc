"""Which records are of a part of a test list, or of another list, and so are not ranked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from avsal_bench.records import Record
from avsal_bench.text import many

#: Frames and videos of a test list, by protocol, set and fold.
Lists = Mapping[tuple[str, str, int], tuple[int, int]]


def whole_lists(records: Iterable[Record]) -> Lists:
    """The longest list that any record was tested on: a record of fewer videos or frames is of a part of it.

    Records that say themselves that they are not of the whole list do not count.
    """
    longest: dict[tuple[str, str, int], tuple[int, int]] = {}
    for r in (r for r in records if not (r.counts()["skipped"] or r.provenance.get("own_list"))):
        place = (r.protocol, r.dataset, r.fold)
        longest[place] = max(longest.get(place, (0, 0)), _listed(r))
    return longest


def _listed(record: Record) -> tuple[int, int]:
    """Frames and videos of the list that a record was tested on, with those frames that had no map."""
    return sum(v.frames + v.skipped for v in record.videos), len(record.videos)


def part_of_list(records: Sequence[Record], whole: Lists) -> str:
    """Why records are not of whole test lists; "" where they are.

    Args:
        records: of one row.
        whole: of :func:`whole_lists`.
    """
    if skipped := sum(r.counts()["skipped"] for r in records):
        return f"{many(skipped, 'listed frame', 'were')} left out, without a map"
    for r in records:
        if r.provenance.get("own_list"):
            return f"fold {r.fold} is tested by another list than this package's, of {many(len(r.videos), 'video')}"
        (frames, videos), (all_frames, all_videos) = _listed(r), whole[(r.protocol, r.dataset, r.fold)]
        if frames < all_frames:
            short = (
                f"{many(videos, 'video')} of {all_videos}"
                if videos < all_videos
                else f"{many(frames, 'frame')} of {all_frames}"
            )
            return f"fold {r.fold} is tested on {short} that other rows are tested on"
    return ""

"""Data sets in numbers."""

from avsal_bench.data.statistics.stats import FoldStats, SetStats, distinct_videos, find_overlaps, read_lists, set_stats

__all__ = ["FoldStats", "SetStats", "distinct_videos", "find_overlaps", "read_lists", "set_stats"]

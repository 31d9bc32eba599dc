"""Samples of single observers, in one form; and what turns published gaze files into it.

It is cheap: :mod:`~avsal_bench.data.gaze.from_diem`, which opens pictures, is imported by its own name.
"""

from avsal_bench.data.gaze.samples import Gaze, Sample, format_gaze, read_gaze, write_gaze

__all__ = ["Gaze", "Sample", "format_gaze", "read_gaze", "write_gaze"]

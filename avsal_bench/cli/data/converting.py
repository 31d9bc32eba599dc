"""What the commands that convert gaze share: how they tell what they did."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

from avsal_bench.text import many


def tell_converted(convert: Callable[[], list[Path]], root: Path) -> int:
    """Convert, and say how many files were written and where; warnings become notes.

    Args:
        convert: writes files, and returns them.
        root: the data root.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        try:
            written = convert()
        finally:  # an error comes after what was to be said
            for warning in caught:
                print(f"note: {warning.message}")
    if not written:
        print("nothing to do: all of them are there")
        return 0
    gaze = [path for path in written if path.suffix == ".csv"]
    for path in gaze[:10]:
        print(path)
    if len(gaze) > 10:
        print(f".. and {len(gaze) - 10} more")
    if pictures := len(written) - len(gaze):
        print(f"{many(pictures, 'map')} of fixations and density beside them")
    print(f"{many(len(written), 'file')} written below {root}")
    return 0

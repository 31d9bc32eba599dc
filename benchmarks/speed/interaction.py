"""Time CASP-Net's audio-visual interaction (AVIM), linear and quadratic, over the number of positions.

The result is kept beside this script, in interaction.json, and docs/draw_interaction.py draws it.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch
from metrics import processor
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from avsal_bench.files import write_atomically
from avsal_bench.models.fusion.consistency import AVIM
from avsal_bench.progress import progress

EXAMPLES = """examples:
  python benchmarks/speed/interaction.py                       all forms, up to the positions of the finest stage
  python benchmarks/speed/interaction.py --grids 2x7x12        the coarsest stage alone

One clip, float32, forward, one thread; the time of the process on the processor, the shortest of --repeats runs. The
bytes are those of the largest tensor that a form makes."""

#: Grids of the four stages at 16 x 224 x 384, and some between them.
GRIDS = ("2x7x12", "4x7x12", "4x14x12", "4x14x24", "8x14x24", "8x28x24", "8x28x48", "8x56x96")

#: Form of the AVIM, and how its attention is computed. ``matrix`` makes the N x N matrix, as Eq. 1 reads.
FORMS = {"linear": None, "quadratic, fused": SDPBackend.FLASH_ATTENTION, "quadratic, matrix": SDPBackend.MATH}

#: Bytes of one N x N matrix that are not exceeded; several of them are alive at once.
MATRIX_LIMIT = 2**29


class LargestTensor(TorchDispatchMode):
    """Notes the bytes of the largest result of any operation under it."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operation, and look at what it made."""
        made = func(*args, **(kwargs or {}))
        sizes = (t.nelement() * t.element_size() for t in tree_leaves(made) if isinstance(t, Tensor))
        self.bytes = max(self.bytes, *sizes, 0)
        return made


def measure(form: str, grid: tuple[int, int, int], width: int, repeats: int) -> dict[str, Any]:
    """Seconds of a forward pass of one form, and the bytes of its largest tensor."""
    torch.manual_seed(0)
    avim = AVIM(width, "linear" if form == "linear" else "quadratic")
    torch.nn.init.normal_(avim.out.weight, std=0.01)
    visual, sound = torch.randn(1, width, *grid), torch.randn(1, width)
    backend = FORMS[form]
    with torch.no_grad(), sdpa_kernel(list(SDPBackend.__members__.values()) if backend is None else backend):
        largest = LargestTensor()
        with largest:
            avim(visual, sound)
        seconds = []
        for _ in range(repeats):
            began = time.process_time()
            avim(visual, sound)
            seconds.append(time.process_time() - began)
    positions = grid[0] * grid[1] * grid[2]
    return {"form": form, "positions": positions, "seconds": round(min(seconds), 5), "bytes": largest.bytes}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print a table and write the file."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--grids", nargs="+", default=GRIDS, metavar="TxHxW", help="positions (default: those of all stages)")
    add("--width", type=int, default=256, metavar="C", help="channels (default: %(default)s)")
    add("--repeats", type=int, default=3, metavar="N", help="runs of each (default: %(default)s)")
    add("--json", type=Path, metavar="FILE", help="to write (default: interaction.json beside this script)")
    options = parser.parse_args(arguments)
    if options.repeats < 1:
        parser.error(f"--repeats {options.repeats}: expected at least 1")
    try:
        grids = [_grid(text) for text in options.grids]
    except ValueError:
        parser.error(f"--grids {' '.join(options.grids)}: expected three numbers each, such as 2x7x12")
    torch.set_num_threads(1)
    jobs = [(form, grid) for grid in grids for form in FORMS if not _too_large(form, grid)]
    measured = []
    with progress("interaction", len(jobs)) as bar:
        for form, grid in jobs:
            measured.append(measure(form, grid, options.width, options.repeats))
            bar.advance(note=form)
    for row in measured:
        print(
            f"{row['form']:<20}{row['positions']:>7} positions  {row['seconds']:.4f} s  {row['bytes'] / 2**20:.2f} MiB"
        )
    machine = {
        "processor": processor(),
        "torch": torch.__version__,
        "date": datetime.now(timezone.utc).date().isoformat(),
    }
    path = options.json or Path(__file__).with_name("interaction.json")
    write_atomically(
        path, json.dumps({"machine": machine, "width": options.width, "measured": measured}, indent=1) + "\n"
    )
    print(f"wrote {path}")
    return 0


def _grid(text: str) -> tuple[int, int, int]:
    t, h, w = (int(part) for part in text.split("x"))
    return t, h, w


def _too_large(form: str, grid: tuple[int, int, int]) -> bool:
    """Whether the N x N matrix would not fit."""
    return form == "quadratic, matrix" and 4 * (grid[0] * grid[1] * grid[2]) ** 2 > MATRIX_LIMIT


if __name__ == "__main__":
    sys.exit(main())

"""What a frame of a long film costs, and how much memory: each film in a process of its own."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

#: A network that is cheap, and whose windows hold 32 frames.
NETWORK = "vinet"


def measure_length(frames: int, size: tuple[int, int], folder: Path | None = None) -> dict[str, Any]:
    """CPU seconds a frame from files to scores, on one thread, and the peak memory of the process in MB.

    Args:
        frames: of the film.
        size: (height, width) of its pictures.
        folder: where the temporary folder is made.
    """
    words = [str(frames), *map(str, size), str(folder or tempfile.gettempdir())]
    done = subprocess.run([sys.executable, __file__, *words], check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(frames: int, size: tuple[int, int], folder: str) -> dict[str, Any]:
    """The same, in this process, whose peak memory it is."""
    import torch
    from made_film import SET, make_film

    import avsal_bench
    from avsal_bench.models import create_model, model_entry

    torch.set_num_threads(1)
    torch.manual_seed(0)
    net = create_model(NETWORK, **{**model_entry(NETWORK).tiny, "modality": "av"})
    with tempfile.TemporaryDirectory(dir=folder) as root:
        make_film(Path(root), frames, size)
        began = time.process_time()
        avsal_bench.evaluate(net, SET, data_root=root)
        took = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    height, width = size
    return {"frames": frames, "size": f"{height}x{width}", "seconds": round(took / frames, 5), "peak_mb": round(peak)}


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]), (int(sys.argv[2]), int(sys.argv[3])), sys.argv[4])))

"""Time windows of a video with MSPI, with and without the features of single frames kept from window to window."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from typing import Any

import torch
from metrics import processor
from torch import Tensor, nn

from avsal_bench.models import Network, Place, create_model, model_entry
from avsal_bench.models.backbones.motion import MOTION_ENCODERS
from avsal_bench.models.mspi import FRAMES
from avsal_bench.progress import progress

EXAMPLES = """examples:
  python benchmarks/speed/reuse.py                                  all sizes as published, MViTv2-S and S3D
  python benchmarks/speed/reuse.py --encoders x3d_l --windows 20

Audio-visual networks, float32, eval mode, random weights, frames and sound; on one thread, in seconds of the process
on the processor, which other work on the machine hardly moves. Windows follow one another, one at a time, and each is
run both ways before the next. The first window, whose 16 frames are all new, is for the warm-up. "alone" encodes 16
frames in every window, "reuse" the one that is new. A time is the median of the windows, the gain that of the ratios;
"differ" is the largest difference of two log maps, "spread" the least standard deviation of one. Exit status 1 if they
differ by more than --tolerance of the spread."""


def timed(step: Callable[[], Tensor]) -> tuple[float, Tensor]:
    """Seconds of the process, and what was computed."""
    began = time.process_time()
    output = step()
    return time.process_time() - began, output


def vary(net: Network) -> None:
    """Draw weights by which every frame counts: initial ones hide the image model behind layer scales of 1e-6."""
    for name, parameter in net.named_parameters():
        if name.endswith("gamma"):
            nn.init.ones_(parameter)
        elif parameter.ndim > 1:
            nn.init.kaiming_normal_(parameter)


def measure(
    net: Network, windows: int, advance: Callable[[], object]
) -> tuple[list[tuple[float, float]], float, float]:
    """Seconds of each window alone and with reuse, the largest difference of the log maps, and their spread."""
    draw = torch.Generator().manual_seed(1)
    film = torch.randn(1, 3, windows + FRAMES, *net.spec.size, generator=draw)
    assert net.spec.audio is not None, "an audio-visual network"
    audio = torch.randn(1, *net.spec.audio(torch.zeros(1)).shape, generator=draw)
    memory: dict[Any, Any] = {}
    times: list[tuple[float, float]] = []
    differ, spread = [], []
    for start in range(windows + 1):
        frames = film[:, :, start : start + FRAMES]
        places = [Place("film", tuple(range(start + 1, start + FRAMES + 1)))]
        with torch.inference_mode():
            alone, expected = timed(partial(net, frames, audio))
            reuse, found = timed(partial(net.predict, frames, audio, places, memory))
        differ.append((found - expected).abs().max().item())
        spread.append(expected.std().item())
        if start:
            times.append((alone, reuse))
        advance()
    return times, max(differ), min(spread)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print a line for each encoder."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--encoders", nargs="+", default=["mvitv2_s", "s3d"], choices=MOTION_ENCODERS, help="of motion")
    add("--windows", type=int, default=6, metavar="N", help="timed, of each network (default: %(default)s)")
    add("--tiny", action="store_true", help="small networks and frames, to try the script")
    add("--tolerance", type=float, default=1e-4, metavar="X", help="(default: %(default)s)")
    options = parser.parse_args(arguments)
    if options.windows < 1:
        parser.error(f"--windows {options.windows}: expected at least 1")
    torch.set_num_threads(1)
    small = model_entry("mspi").tiny if options.tiny else {}
    print(f"processor {processor()}, threads 1, torch {torch.__version__}")
    print(
        "| encoder | alone, s a window | reuse, s a window | gain | differ | spread |\n|---|---|---|---|---|---|",
        flush=True,
    )
    wrong = []
    for name in options.encoders:
        torch.manual_seed(0)
        net = create_model("mspi", **{**small, "modality": "av", "encoder": name}).eval()
        vary(net)
        with progress(name, options.windows + 1) as bar:
            times, differ, spread = measure(net, options.windows, bar.advance)
        alone, reuse = (median(column) for column in zip(*times, strict=True))
        gain = median(a / b for a, b in times)
        print(f"| {name} | {alone:.2f} | {reuse:.2f} | {gain:.2f}x | {differ:.1e} | {spread:.1e} |", flush=True)
        if not differ <= options.tolerance * spread:
            wrong.append(name)
    if wrong:
        print(f"log maps differ by more than rounding: {', '.join(wrong)}", file=sys.stderr)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())

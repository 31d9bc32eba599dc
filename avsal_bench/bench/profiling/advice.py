"""What a profile tells: a table of parts in per cent, and what would make it faster, in plain sentences."""

from __future__ import annotations

import os
from collections.abc import Iterator

from avsal_bench.bench.computing.precision import FLOAT32, cpu_has_bf16
from avsal_bench.bench.profiling.profile import Profile
from avsal_bench.text import many, text_table

#: From which share of the time on a part is worth a word.
NOTABLE = {"reading": 0.15, "copying": 0.1, "scoring": 0.15, "writing": 0.1, "optimiser": 0.2, "other": 0.15}
#: What the parts are.
MEANING = {
    "reading": "waiting for clips or windows, and for ground truth",
    "copying": "to the device",
    "network": "maps of the windows",
    "forward": "network and loss",
    "backward": "gradients",
    "optimiser": "the step, and clipping of gradients",
    "scoring": "steps of the protocol, and metrics",
    "writing": "results and pictures of videos, maps with --keep-maps",
    "other": "Lightning, and what has no name",
}


def profile_text(profile: Profile) -> str:
    """The table of a profile, its speed, and advice."""
    spent = profile.spent
    total = sum(spent.seconds.values())
    ordered = [part for part in MEANING if part in spent.seconds]
    body = [
        [
            part,
            f"{1000 * spent.seconds[part] / spent.items:.2f}",
            f"{100 * spent.seconds[part] / total:.1f} %",
            MEANING[part],
        ]
        for part in ordered
    ]
    body.append(["all", f"{1000 * total / spent.items:.2f}", "100.0 %", ""])
    counted = f"{many(spent.batches, 'batch', plural='batches')}, {many(spent.items, profile.item)}"
    lines = [
        f"{profile.title}: {counted}; {profile.device}, {profile.precision}, {many(profile.workers, 'worker')}",
        text_table(["part", f"ms a {profile.item}", "share", "what it is"], body, numbers=(1, 2)),
        f"{spent.items / total:.3g} {profile.item}s a second",
        *advice(profile),
    ]
    return "\n".join(lines)


def advice(profile: Profile) -> Iterator[str]:
    """What takes long, and what to do, a sentence or two for each notable part; the largest first."""
    seconds = profile.spent.seconds
    total = sum(seconds.values())
    said = False
    for part in sorted(seconds, key=lambda part: -seconds[part]):
        share = seconds[part] / total
        if share >= NOTABLE.get(part, 0.6):
            said = True
            yield f"{part} takes {100 * share:.0f} %: {_way_out(part, profile)}"
    if not said:
        yield "no part stands out"


def _way_out(part: str, profile: Profile) -> str:
    prepared, videos = profile.prepared
    cores = os.cpu_count() or 1
    on_gpu = not profile.device.startswith("CPU")
    if part == "reading":
        ways = []
        if prepared < videos:
            size = "x".join(map(str, profile.size))
            left = f"{videos - prepared} of {many(videos, 'video')} are not"
            ways.append(f"prepare the data (`avsal data prepare --size {size}`; {left})")
        if profile.workers < cores - 1 or not profile.workers:
            ways.append(f"add processes that read (--workers {max(profile.workers + 1, min(8, cores - 1))})")
        return " or ".join(ways) or "a faster disk, or fewer processes that use it at a time"
    if part == "copying":
        return (
            "larger batches, or a GPU of its own for each process"
            if on_gpu
            else "more memory bandwidth; fewer --workers"
        )
    if part in ("network", "forward", "backward"):
        return f"this is what should take long; {_faster(profile, on_gpu)}"
    if part == "scoring":
        grows = "it grows with the size of the ground truth"
        return (
            f"{grows}; in a test it is done while the GPU makes the next maps"
            if on_gpu
            else f"{grows}; a GPU scores faster"
        )
    if part == "writing":
        return (
            "leave out --keep-maps, or write to a faster disk"
            if profile.kept_maps
            else "a picture of each video is drawn, which takes the processor the same whatever the network"
        )
    if part == "optimiser":
        return "larger batches take fewer steps (--set batch_size=N)"
    return "larger batches; each has a share of it that does not grow"


def _faster(profile: Profile, on_gpu: bool) -> str:
    ways = []
    predicts = profile.item == "window"
    if profile.learns and profile.precision == FLOAT32 and (on_gpu or (predicts and cpu_has_bf16())):
        ways.append(
            "--precision bf16 computes in 16 bits" + (", and scores then move in the last digits" if predicts else "")
        )
    if profile.compiles:
        ways.append("--compile may gain some, after a slow first batch")
    if not on_gpu:
        ways.append("a GPU gains most")
    return "; ".join(ways) or "nothing of the machine is left to turn on"

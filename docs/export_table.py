"""Which networks can be exported: tries every network in every format, and writes docs/exported_networks.md.

    python docs/export_table.py                        # all, in a size for tests
    python docs/export_table.py --paper stavis unisal  # these in the published size
    python docs/export_table.py --write                # the page, from the file of the tries alone

Weights are drawn at random, so batch norms and heads are those of an untrained network. Each try is a line in a file
that is kept: a try that is there is not repeated. Seconds are those of the processor in this process, by one thread,
for one clip (or frame): the lesser of two, taken in turns, the suite and the file on the same clips.

The file is docs/exported_networks.csv. Tries of an early form of this script have no seconds there in the small size;
a line that is taken out is tried again.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from avsal_bench.exporting import FORMS, Exporter, NotExportable, untrained
from avsal_bench.models.registry import list_models, model_entry

PAGE = Path(__file__).with_name("exported_networks.md")
KEPT = PAGE.with_suffix(".csv")
KEYS = ("network", "size", "batch", "form", "difference", "megabytes", "file_s", "torch_s", "reason")


def kept_rows(path: Path) -> list[dict[str, str]]:
    """The tries so far."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def keep(path: Path, row: dict[str, Any]) -> None:
    """Add a try."""
    new = not path.is_file()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, KEYS, restval="", lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(row)
    print(", ".join(f"{name} {value}" for name, value in row.items()), flush=True)


def tried(name: str, paper: bool, batch: int | None, forms: list[str], path: Path) -> None:
    """Try a network in some formats."""
    about = {"network": name, "size": "paper" if paper else "tiny", "batch": batch or "any"}
    try:
        exporter = Exporter(untrained(name, **({} if paper else model_entry(name).tiny)), batch)
        seconds = suite_seconds(exporter)
    except (ValueError, TypeError) as error:
        for form in forms:
            keep(path, {**about, "form": form, "reason": str(error)})
        return
    for form in forms:
        how, times = FORMS[form], []

        def load(file: Path, how: Any = how, times: list[float] = times) -> Any:
            run = how.load(file)

            def timed(inputs: Any) -> Any:
                start = time.process_time()
                found = run(inputs)
                times.append(time.process_time() - start)
                return found

            return timed

        FORMS[form] = how._replace(load=load)
        row = {**about, "form": form, "torch_s": f"{seconds:.3f}"}
        try:
            with tempfile.TemporaryDirectory() as folder:
                made = exporter.write(Path(folder, f"network{how.suffix}"), form)
                row |= {"difference": f"{made.difference:.1e}", "megabytes": f"{made.bytes / 1e6:.1f}"}
                row["file_s"] = f"{min(times):.3f}"
        except NotExportable as error:
            row["reason"] = str(error).partition(": ")[2] or str(error)
        finally:
            FORMS[form] = how
        keep(path, row)


def suite_seconds(exporter: Exporter) -> float:
    """Seconds that the suite takes for a clip, or for a frame of a network that goes by frames."""
    from avsal_bench.exporting import exported

    times, maps_of = [], exported.suite_maps

    def timed(module: Any, trial: Any) -> torch.Tensor:
        start = time.process_time()
        maps = maps_of(module, trial)
        steps = trial.frames.shape[1] if module.net.spec.walk == "frames" else 1
        times.append((time.process_time() - start) / (steps * len(trial.frames)))
        return maps

    exporter.predictor.predicting.eval()
    exported.suite_maps = timed  # type: ignore[attr-defined]
    try:
        exporter.expected  # noqa: B018
    finally:
        exported.suite_maps = maps_of  # type: ignore[attr-defined]
    return min(times)


def page(rows: list[dict[str, str]]) -> str:
    """The page."""
    paper = [row for row in rows if row["size"] == "paper"]
    small = [row for row in rows if row["size"] == "tiny"]
    return TEXT.format(paper=table(paper, True), small=table(small, False), reasons=reasons(rows))


def table(rows: list[dict[str, str]], timed: bool) -> str:
    """A table in Markdown."""
    times = " file, s | torch, s | times as fast |" if timed else ""
    lines = [
        f"| network | format | batch | largest difference | MB |{times}",
        f"| --- | --- | --- | --- | --- |{' --- | --- | --- |' if timed else ''}",
    ]
    for row in sorted(rows, key=lambda row: (row["network"], list(FORMS).index(row["form"]), row["batch"])):
        told = row["difference"] or "not exported"
        cells = [f"`{row['network']}`", row["form"], row["batch"], told, row["megabytes"] or "-"]
        if timed:
            fast = f"{float(row['torch_s']) / float(row['file_s']):.2f}" if row["file_s"] else "-"
            cells += [row["file_s"] or "-", row["torch_s"], fast]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def reasons(rows: list[dict[str, str]]) -> str:
    """Why some were not exported, a line for those of one reason."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in sorted(rows, key=lambda row: row["network"]):
        if row["reason"]:
            forms = found.setdefault((row["network"], row["reason"]), [])
            if row["form"] not in forms:
                forms.append(row["form"])
    lines = [
        f"| `{network}` | {', '.join(forms)} | {reason.replace('|', '/')} |"
        for (network, reason), forms in found.items()
    ]
    return "\n".join(["| network | format | what stands in the way |", "| --- | --- | --- |", *lines])


TEXT = """\
# Which networks can be exported

Made by `python docs/export_table.py --write` from `docs/exported_networks.csv`, which holds each try. Weights are drawn
at random. [Run a network elsewhere](howto/export.md) says how a file is written and used. The largest difference is
that of a pixel from the map of the suite, as a part of the highest value of the map; above 1e-4 there is no file.

## In the published size

Seconds are those of the processor, by one thread, for one clip, or for one frame of a network that goes by frames: the
lesser of two, the suite and the file on the same clips in one process, while other programs ran on the machine. The
suite's are those of `avsal predict` with one clip at a time, which has its own faster form of each network.

{paper}

## In a small size

Each network as the tests build it, for what can be exported at all. What has no line, here or below, was not tried.

{small}

## What stands in the way

{reasons}
"""


def main() -> None:
    """Try some networks, or write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", help="by default all")
    parser.add_argument("--kept", type=Path, default=KEPT, metavar="CSV", help="file of the tries (default: beside)")
    parser.add_argument("--paper", action="store_true", help="in the published size")
    parser.add_argument("--batch", default="1", help="or any (default: %(default)s)")
    parser.add_argument("--forms", nargs="+", default=list(FORMS), choices=list(FORMS))
    parser.add_argument("--write", action="store_true", help="write the page of what is kept")
    args = parser.parse_args()
    if args.write:
        PAGE.write_text(page(kept_rows(args.kept)), encoding="utf-8")
        return
    torch.set_num_threads(1)
    size = "paper" if args.paper else "tiny"
    for name in args.networks or list_models():
        there = {(row["network"], row["size"], row["batch"], row["form"]) for row in kept_rows(args.kept)}
        forms = [form for form in args.forms if (name, size, args.batch, form) not in there]
        if forms:
            tried(name, args.paper, None if args.batch == "any" else int(args.batch), forms, args.kept)


if __name__ == "__main__":
    main()

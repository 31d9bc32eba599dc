"""Time films from files to scores, and networks alone, beside a plain script, and compare what both give.

The numbers that `avsal models`, the model zoo and the leaderboard page show come from here.
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read by numpy when it is imported: the plain script has one thread there

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any, get_args

import torch
from drawn import draw_weights
from film_tables import parts_of, tables, written
from lengths import measure_length
from made_film import Source, make_film, read_from
from metrics import processor, size_of
from side_by_side import film, network_alone, steady_frames
from suite_film import Setting, dense_rate, threads

from avsal_bench.bench.computing.precision import FLOAT32, check_predicting, predicting_name
from avsal_bench.bench.workspace import workspace
from avsal_bench.catalogue.counting import count
from avsal_bench.catalogue.networks import Variant, variants
from avsal_bench.catalogue.speeds import read_speeds
from avsal_bench.data.clips.sounds import hear
from avsal_bench.data.dataset import Video
from avsal_bench.data.files.frames import read_clip
from avsal_bench.data.windows import window
from avsal_bench.files import write_atomically
from avsal_bench.models import Network, create_model, model_entry
from avsal_bench.names import unknown
from avsal_bench.prediction.predictor import find_predictor
from avsal_bench.progress import progress
from avsal_bench.text import many

EXAMPLES = """examples:
  python benchmarks/speed/film.py --networks vinet_v stavis_av          two networks, on one thread and on all
  python benchmarks/speed/film.py --networks vinet_v --precision 32-true bf16 --threads 1
  python benchmarks/speed/film.py --device cuda                         all that a GPU is asked for
  python benchmarks/speed/film.py --json avsal_bench/resources/speed.json --write docs/speed.md
  python benchmarks/speed/film.py --length 1000 10000                   does a frame of a long film cost more

A film is made in a temporary folder in the layout of STAViS. "plain" is a script as published ones are: each window
whole, alone, in float32; maps written as pictures; plain numpy scores. "ours" is what `avsal evaluate --model` does.
On one thread time is that of the process on the processor, which other work on the machine hardly moves; else it is
the time that passes, so measure on a quiet machine. "alone" times the network with frames and sound in memory: plain
windows and batches take turns, the gain is the median of their ratios. "film" goes from files to scores of the protocol
stavis. Both are of frames whose window runs forwards, after a first batch that begins what windows share (of the test
lists of the six sets all but 2 % of the frames are such); --whole adds a film from its first frame to its last.
Weights are drawn by a fixed rule by which every layer counts, unless --weights names a training. Exit status 1 where
maps of float32 differ by more than --tolerance of their highest value and 50 times what other last bits of the frames
do to them, or scores by more than rounding explains."""

#: How many times what other last bits of the frames do to a map two ways of rounding may do.
LAST_BITS = 50.0
#: Largest difference of the means of scores; AUC-J and sAUC are drawn at random by plain numpy.
SCORES = {"CC": 1e-4, "SIM": 1e-4, "NSS": 1e-3, "KL": 1e-3, "AUC-J": 5e-3, "sAUC": 2e-2}


def chosen(names: Sequence[str]) -> list[Variant]:
    """Networks by the names of models, or of networks such as ``vinet_av``; all that learn without names.

    Raises:
        ValueError: for an unknown name; it suggests the nearest one.
    """
    all_of_them = [variant for variant in variants() if variant.modality]
    found = []
    for name in names:
        mine = [variant for variant in all_of_them if name in (variant.key, variant.entry.name)]
        if not mine:
            known = {word for variant in all_of_them for word in (variant.key, variant.entry.name)}
            raise ValueError(unknown("network", name, sorted(known)))
        found += [variant for variant in mine if variant not in found]
    return found if names else all_of_them


def build(variant: Variant, tiny: bool) -> Network:
    """The network as published, or its tiny form."""
    torch.manual_seed(0)
    if not tiny:
        return variant.build()
    options = {**variant.entry.tiny, **variant.options, "modality": variant.modality}
    if host := variant.options.get("network"):
        options["network_options"] = model_entry(host).tiny
    return create_model(variant.entry.name, **options)


def with_weights(net: Network, video: Video) -> Network:
    """The network with drawn weights, whose batch norms know one window of the film."""
    spec = net.spec
    target = steady_frames(spec, video.n_frames)[0]
    clip = window(target, video.n_frames, *spec.form)
    average, deviation = (255 * torch.tensor(v).view(3, 1, 1, 1) for v in (spec.mean, spec.std))
    frames = (read_clip(video, clip, *spec.resizing).float() - average) / deviation
    return draw_weights(net, frames[None], None if spec.audio is None else hear(video, clip, spec.audio)[None])


def measure(variant: Variant, options: argparse.Namespace, root: Path) -> dict[str, Any]:
    """All rows of one network."""
    net = build(variant, options.tiny)
    spec, batch = net.spec, options.batch_size
    video = make_film(root, spec.frames - 1 + batch + options.frames, options.size, mp4="mp4" in options.sources)
    if options.weights:
        net = find_predictor(workspace(), options.weights).module.net.eval()
    else:
        net = with_weights(net, video)
    frames = steady_frames(spec, video.n_frames)
    found: dict[str, Any] = {"macs": count(lambda: build(variant, options.tiny)).macs}
    found |= {"date": datetime.now(timezone.utc).date().isoformat(), "alone": [], "film": []}
    for number in options.threads:
        for precision in options.precision:
            setting = Setting(options.device, number, precision)
            alone = network_alone(net, video, setting, batch, frames)
            share = found["macs"] / median(alone["ours"]) / dense_rate(setting)
            found["alone"].append({**alone, "of_dense": float(f"{share:.3g}")})
            stretches = {"": frames, **({"whole": list(range(1, video.n_frames + 1))} if options.whole else {})}
            for name, stretch in stretches.items() if not options.alone else ():
                before = None
                for source in options.sources:
                    read = read_from(video, root, source, spec)
                    before = film(net, video, read, setting, batch, stretch, root / "maps", not name, before)
                    found["film"].append({"source": source, "stretch": name, **before})
    return found


def wrong(key: str, found: dict[str, Any], tolerance: float) -> Iterator[str]:
    """What of a network differs by more than it may."""
    exact = [row for row in found["film"] if row["source"] != "mp4"]  # whose frames are others, as they are encoded
    for row in (*found["alone"], *exact):
        where = f"{key}, {row.get('source', 'alone')}, {many(row['threads'], 'thread')}"
        most = max(tolerance, LAST_BITS * found["alone"][0]["last_bits"])
        if row["precision"] == FLOAT32 and not row.get("differ", 0.0) <= most:
            yield f"{where}: maps differ by {row['differ']:g} of their highest value, at most {most:g}"
        for name, (plain, ours) in row.get("scores", {}).items() if row["precision"] == FLOAT32 else ():
            if not abs(plain - ours) <= SCORES[name]:
                yield f"{where}: {name} is {ours:g}, by the plain script {plain:g}"


def kept_in(path: Path | None, machine: dict[str, Any], anew: bool) -> dict[str, Any]:
    """What a file holds already, to which results are added; nothing where there is no file.

    Args:
        path: of the file.
        machine: that is measured on.
        anew: whether all networks are measured, which replaces times of another machine.

    Raises:
        ValueError: for times of another machine.
    """
    kept = {"networks": {}} if path is None else read_speeds(path)
    if kept["networks"] and kept["machine"] != machine:
        if not anew:
            raise ValueError(
                f"{path} has times of {kept['machine']}, and this is {machine}; measure all networks, or name another "
                "file"
            )
        kept = {"networks": {}}
    return {**kept, "machine": machine}


def joined(old: dict[str, Any] | None, new: dict[str, Any]) -> dict[str, Any]:
    """Rows of one network, new ones in the place of old ones of the same kind; none of a network with other MACs."""
    if old is None or old["macs"] != new["macs"]:
        return new

    def kind(row: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(row.get(name) for name in ("device", "threads", "precision", "source", "stretch"))

    def rows(part: str) -> list[dict[str, Any]]:
        return list({kind(row): row for row in (*old[part], *new[part])}.values())

    return {**new, "alone": rows("alone"), "film": rows("film")}


def parsed(arguments: Sequence[str] | None) -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    """Options, looked through."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add, cores = parser.add_argument, os.cpu_count() or 1
    add(
        "--networks",
        nargs="+",
        default=[],
        metavar="NAME",
        help="such as vinet_av, or vinet for all of it (default: all)",
    )
    add("--device", default="cpu", help="cpu, cuda or cuda:<n> (default: %(default)s)")
    add("--threads", type=int, nargs="+", metavar="N", help=f"of the processor (default: 1 {cores}; of a GPU {cores})")
    add("--precision", nargs="+", metavar="P", help="of ours, such as 32 bf16 (default: 32; of a GPU bf16 too)")
    add("--frames", type=int, metavar="N", help="timed, of each way (default: 8; of a GPU 512)")
    add("--batch-size", type=int, metavar="N", help="windows at a time (default: 4; of a GPU 16)")
    add("--size", type=size_of, default=(480, 640), metavar="HxW", help="of the film (default: 480x640)")
    add("--sources", nargs="+", choices=get_args(Source), help="of our frames (default: jpg; of a GPU prepared too)")
    add("--alone", action="store_true", help="only the networks, no film from files")
    add("--whole", action="store_true", help="also a film from its first frame to its last")
    add("--weights", default="", metavar="FILE", help="of a training here, of the one network that is named")
    add("--length", type=int, nargs="+", default=[], metavar="N", help="only: cost a frame of films of so many frames")
    add("--tiny", action="store_true", help="small networks, to try the script")
    add("--tolerance", type=float, default=1e-6, metavar="X", help="of maps (default: %(default)s)")
    add("--folder", type=Path, metavar="DIR", help="where the temporary folder is made (default: the system's)")
    add("--json", type=Path, metavar="FILE", help="all numbers; what the file has of other networks stays")
    add("--write", type=Path, metavar="PAGE", help="put the tables of --json between the markers of a page")
    options = parser.parse_args(arguments)
    gpu = options.device != "cpu"
    options.frames = (512 if gpu else 8) if options.frames is None else options.frames
    options.batch_size = (16 if gpu else 4) if options.batch_size is None else options.batch_size
    options.sources = options.sources or (["jpg", "prepared"] if gpu else ["jpg"])
    for name, value in (("frames", options.frames), ("batch-size", options.batch_size), ("size", min(options.size))):
        if value < 1:
            parser.error(f"--{name} {value}: expected at least 1")
    if any(number < 1 for number in (*(options.threads or ()), *options.length)):
        parser.error("--threads, --length: expected numbers from 1")
    if options.write and not options.json:
        parser.error("--write: name the file of numbers too, with --json")
    if options.weights and len(options.networks) != 1:
        parser.error(f"--weights {options.weights}: name the one network that it is of, with --networks")
    if gpu and not (options.device.partition(":")[0] == "cuda" and torch.cuda.is_available()):
        parser.error(f"--device {options.device}: expected cpu, or cuda where torch sees a GPU; it sees none here")
    options.threads = options.threads or ([cores] if gpu else sorted({1, cores}))
    try:
        options.precision = [predicting_name(name) for name in options.precision or (["32", "bf16"] if gpu else ["32"])]
        for name in options.precision:
            check_predicting(name, torch.device(options.device).type)
    except (ValueError, RuntimeError) as error:  # of a device that torch does not know
        parser.error(str(error))
    return parser, options


def keep(results: dict[str, Any], path: Path | None) -> None:
    """Write all results, if they are to be kept."""
    if path is not None:
        write_atomically(path, json.dumps(results, indent=1) + "\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print tables, and write the file after every network."""
    parser, options = parsed(arguments)
    machine = {"processor": processor(), "cores": os.cpu_count(), "torch": torch.__version__}
    machine |= {"avsal_bench": version("avsal_bench")}
    if options.device != "cpu":
        machine["gpu"] = torch.cuda.get_device_name(options.device)
    try:
        networks = chosen(options.networks)
        results = kept_in(options.json, machine, anew=not (options.networks or options.length))
        if options.write:
            parts_of(options.write)
        if options.weights:
            find_predictor(workspace(), options.weights)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    faults: list[str] = []
    measured: dict[str, Any] = {}
    long = [measure_length(frames, options.size, options.folder) for frames in options.length]
    if long:
        networks, results = [], {**results, "length": long}
        keep(results, options.json)
    with ExitStack() as stack:
        bar = stack.enter_context(progress("networks", len(networks))) if networks else None
        stack.enter_context(threads(1))
        for variant in networks:
            with tempfile.TemporaryDirectory(dir=options.folder) as folder:
                found = measure(variant, options, Path(folder))
            faults += wrong(variant.key, found, options.tolerance)
            measured[variant.key] = found
            found = joined(results["networks"].get(variant.key), found)
            results["networks"] = dict(sorted({**results["networks"], variant.key: found}.items()))
            keep(results, options.json)
            assert bar is not None, "there are networks"
            bar.advance(note=variant.key)
    print(tables({"machine": machine, "networks": measured, "length": long}))
    if options.write:
        written(options.write, tables(read_speeds(options.json)))
    if options.device != "cpu" and not (options.networks or options.length):
        print("\nTraining, clips a second:", flush=True)
        words = [
            "vinet",
            "--device",
            "cuda",
            "--precision",
            "bf16",
            "--workers",
            str(max(1, (os.cpu_count() or 1) - 2)),
        ]
        subprocess.run([sys.executable, str(Path(__file__).with_name("training.py")), *words], check=True)
    print(*faults, sep="\n", file=sys.stderr, end="\n" if faults else "")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())

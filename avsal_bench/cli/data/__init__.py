"""The commands ``avsal data <command>``: look at data sets, check them, and prepare them."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from avsal_bench.data.dataset import Video

# Heavy imports stand inside the commands: `avsal --help` must answer at once.


def add_data_commands(parser: argparse.ArgumentParser) -> None:
    """Add the commands of ``avsal data`` to its parser."""
    commands = parser.add_subparsers(dest="data_command", required=True, metavar="command")

    def command(name: str, function: object, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        added.set_defaults(function=function)
        _folders(added)
        return added

    checked = command("check", check, "look at every file that the lists ask for; exit 1 when something is wrong")
    _sets(checked)
    checked.add_argument("--quick", action="store_true", help="names and headers only, no contents")
    checked.add_argument("--report", metavar="FILE", help="also write all findings as JSON")

    counted = command("stats", stats, "count videos, frames, hours and fixations, and draw where people look")
    _sets(counted)
    counted.add_argument("--stride", type=int, default=1, help="read every n-th fixation map (default: %(default)s)")
    counted.add_argument("--figure", metavar="FILE", help="also draw them as PNG")
    counted.add_argument("--json", metavar="FILE", help="also write all numbers as JSON")

    shown = command("show", show, "draw frames of a video with maps, fixations and sound, to look at")
    shown.add_argument("dataset", metavar="SET")
    shown.add_argument("video", metavar="VIDEO")
    shown.add_argument("--out", metavar="FILE", help="png: a sheet; mp4: the whole video (default: <VIDEO>.png)")

    made = command("prepare", prepare, "store frames and sound in the form that training reads fastest")
    _sets(made)
    made.add_argument("--size", type=_size, default=(224, 384), help="of the frames (default: 224x384)")
    made.add_argument("--rate", type=int, default=22050, help="of the sound in Hz, 0 for none (default: %(default)s)")
    made.add_argument("--verify", action="store_true", help="compare what is there with its checksums")
    made.add_argument("--force", action="store_true", help="do again what is done")

    diem = command("convert-diem", convert, "turn DIEM's gaze files, one an observer, into observers.csv")
    diem.add_argument("source", metavar="DIR", help="folder of the published text files")


def _folders(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("folders and machine")
    group.add_argument(
        "--root", "--data-root", dest="data_root", help="of the real data sets (environment: AVSAL_DATA)"
    )
    group.add_argument("--synth-root", help="of the embedded data set (default: data/synth)")
    group.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="processes (default: %(default)s, one a core)"
    )


def _sets(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "sets", nargs="*", metavar="SET", help="data sets, or six (default: all whose folder is there; else synth)"
    )


def _size(text: str) -> tuple[int, int]:
    try:
        height, width = (int(part) for part in text.split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected height x width such as 224x384, got {text!r}") from None
    return height, width


def check(args: argparse.Namespace) -> int:
    """Look at every file that the lists ask for."""
    from avsal_bench.data.audit.audit import check_sets
    from avsal_bench.files import write_atomically
    from avsal_bench.workers import Workers

    with Workers(args.workers) as workers:
        report = check_sets(_roots(args), workers, quick=args.quick)
    print(report.table())
    if args.report:
        write_atomically(Path(args.report), report.json())
        print(f"all findings: {args.report}")
    return 1 if report.errors else 0


def stats(args: argparse.Namespace) -> int:
    """Count, and draw where people look."""
    from avsal_bench.data.statistics.report import draw_stats, stats_table, write_stats_json
    from avsal_bench.data.statistics.stats import set_stats
    from avsal_bench.workers import Workers

    with Workers(args.workers) as workers:
        found = [set_stats(name, root, workers, args.stride) for name, root in _roots(args).items()]
    print(stats_table(found))
    if args.figure:
        draw_stats(found, Path(args.figure))
    if args.json:
        write_stats_json(found, Path(args.json))
    return 0


def show(args: argparse.Namespace) -> int:
    """Draw frames of a video with maps, fixations and sound."""
    from avsal_bench.data.pictures.show import contact_sheet, find_video, overlay_video

    ((name, root),) = _named_roots(args, [args.dataset])
    video = find_video(name, root, args.video)
    path = Path(args.out or f"{video.name}.png")
    (overlay_video if path.suffix.lower() == ".mp4" else contact_sheet)(video, path)
    print(path)
    return 0


def prepare(args: argparse.Namespace) -> int:
    """Store frames and sound in the form that training reads fastest."""
    from avsal_bench.data.files.prepare import prepare_videos
    from avsal_bench.workers import Workers

    videos = list(_videos(args))
    with Workers(args.workers) as workers:
        made = prepare_videos(videos, args.size, args.rate or None, workers, force=args.force, verify=args.verify)
    written = [one for one in made if one.reason]
    gigabytes = sum(one.bytes for one in made) / 1e9
    print(f"{len(made)} videos prepared, {len(written)} of them now; {gigabytes:.2f} GB in all")
    return 0


def convert(args: argparse.Namespace) -> int:
    """Turn DIEM's gaze files into observers.csv."""
    from avsal_bench.data.gaze.from_diem import convert_diem

    ((_, root),) = _named_roots(args, ["diem"])
    written = convert_diem(Path(args.source), root)
    for path in written:
        print(path)
    if not written:
        print("nothing to do: all of them are there")
    return 0


def _videos(args: argparse.Namespace) -> Iterator[Video]:
    """Videos of all lists of the sets asked for; one that several lists name comes several times."""
    from avsal_bench.data.dataset import dataset

    for name, root in _roots(args).items():
        for fold in (1, 2, 3) if dataset(name).folds else (1,):
            for part in ("train", "test"):
                yield from dataset(name).videos(root, part, fold)


def _roots(args: argparse.Namespace) -> dict[str, Path]:
    """The sets asked for, each with its root; by default those that are there."""
    from avsal_bench.data.dataset import expand

    return dict(_named_roots(args, expand(args.sets) or _present(args)))


def _named_roots(args: argparse.Namespace, names: list[str]) -> list[tuple[str, Path]]:
    from avsal_bench.bench.workspace import workspace
    from avsal_bench.data.dataset import resolve_name

    space = workspace(args.data_root, args.synth_root)
    resolved = [resolve_name(name) for name in names]
    return [(name, space.root_of(name)) for name in resolved]


def _present(args: argparse.Namespace) -> list[str]:
    """Real sets that have a folder below the data root; without a root the embedded one."""
    from avsal_bench.data.dataset import dataset, list_datasets

    root = args.data_root or os.environ.get("AVSAL_DATA")
    if not root:
        print("no data root given: looking at the embedded set; see --root, AVSAL_DATA", file=sys.stderr)
        return ["synth"]
    places = ("video_frames", "video_files", "annotations", "")
    real = [dataset(name) for name in list_datasets() if not dataset(name).embedded]
    found = [d.name for d in real if any((Path(root) / place / d.folder).is_dir() for place in places)]
    if not found:
        folders = ", ".join(d.folder for d in real)
        raise FileNotFoundError(f"{root}: no data set in it; expected video_frames/<SET> for one of {folders}")
    return found

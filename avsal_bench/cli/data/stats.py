"""The command ``avsal data stats``: count, and draw where people look."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from avsal_bench.cli.options import Commands, add_command, roots_of, set_options
from avsal_bench.typed import place, whole


def add_stats(commands: Commands) -> None:
    """Add ``stats`` to the commands of ``avsal data``."""
    text = "count videos, frames, hours and fixations, and draw where people look"
    epilog = "example\n  avsal data stats six --stride 10 --figure stats.png"
    parser = add_command(commands, "stats", stats, text, epilog=epilog)
    set_options(parser)
    parser.add_argument(
        "--stride", type=whole(1), default=1, help="read every n-th fixation map (default: %(default)s)"
    )
    parser.add_argument("--figure", type=place, metavar="FILE", help="also draw them as PNG")
    parser.add_argument("--json", type=place, metavar="FILE", help="also write all numbers as JSON")


def stats(args: Namespace) -> int:
    """Count, and draw where people look."""
    from avsal_bench.data.statistics.report import draw_stats, stats_table, write_stats_json
    from avsal_bench.data.statistics.stats import set_stats
    from avsal_bench.workers import Workers

    with Workers(args.workers) as workers:
        found = [set_stats(name, root, workers, args.stride) for name, root in roots_of(args).items()]
    print(stats_table(found))
    if args.figure:
        draw_stats(found, Path(args.figure))
    if args.json:
        write_stats_json(found, Path(args.json))
    return 0

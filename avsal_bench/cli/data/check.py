"""The command ``avsal data check``: look at every file."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from avsal_bench.cli.options import Commands, add_command, roots_of, set_options
from avsal_bench.typed import place


def add_check(commands: Commands) -> None:
    """Add ``check`` to the commands of ``avsal data``."""
    text = "look at every file that the lists ask for; exit 1 when something is wrong"
    epilog = (
        "Each finding says how bad it is and what to do. Run it before hours of training.\n\nexamples\n"
        "  avsal data check six                          the six sets with sound\n"
        "  avsal data check avad --root /data/saliency --report findings.json"
    )
    parser = add_command(commands, "check", check, text, epilog=epilog)
    set_options(parser)
    parser.add_argument("--quick", action="store_true", help="names and headers only, no contents")
    parser.add_argument("--report", type=place, metavar="FILE", help="also write all findings as JSON")


def check(args: Namespace) -> int:
    """Look at every file that the lists ask for."""
    from avsal_bench.data.audit.audit import check_sets
    from avsal_bench.files import write_atomically
    from avsal_bench.workers import Workers

    with Workers(args.workers) as workers:
        report = check_sets(roots_of(args), workers, quick=args.quick)
    print(report.table())
    if args.report:
        write_atomically(Path(args.report), report.json())
        print(f"all findings: {args.report}")
    return 1 if report.errors else 0

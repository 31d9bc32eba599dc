"""The command ``avsal models``: a table of all networks."""

from __future__ import annotations

import argparse
from pathlib import Path

from avsal_bench.cli.options import Commands, add_command
from avsal_bench.typed import place

# Heavy imports stand inside the command: `avsal --help` must answer at once.


EXAMPLES = """examples
  avsal models                            all networks
  avsal models vinet mspi                 these only
  avsal models --csv networks.csv         all numbers, in full"""


def add_parser(commands: Commands) -> None:
    """Add ``avsal models`` to the commands of ``avsal``."""
    text = "show what is known of every network: paper, input, size, speed, and what was verified"
    added = add_command(commands, "models", models, text, epilog=EXAMPLES)
    added.add_argument("names", nargs="*", metavar="NAME", help="networks; by default all")
    added.add_argument("--markdown", action="store_true", help="print Markdown, as it stands in docs/zoo.md")
    added.add_argument(
        "--write", type=place, metavar="FILE", help="put the Markdown between the markers of this file, and stop"
    )
    added.add_argument("--csv", type=place, metavar="FILE", help="also write all numbers, in full, to this file")


def models(args: argparse.Namespace) -> int:
    """Print or write the table."""
    from avsal_bench.bench.workspace import workspace
    from avsal_bench.catalogue.networks import catalogue
    from avsal_bench.catalogue.table import markdown, terminal, to_csv, write_into
    from avsal_bench.files import check_writable, write_atomically

    if args.write and args.names:
        raise ValueError(f"--write puts the table of all networks into {args.write}; leave out {' '.join(args.names)}")
    outputs = [Path(name) for name in (args.csv, args.write) if name]
    if links := [path for path in outputs if path.is_symlink()]:
        raise ValueError(f"{links[0]} is a link to {links[0].resolve()}; name the file itself")
    check_writable(files=outputs)
    rows = catalogue(workspace().records, args.names)
    if args.csv:
        write_atomically(Path(args.csv), to_csv(rows))
    if args.write:
        write_into(Path(args.write), markdown(rows))
        print(f"wrote {args.write}")
    else:
        print(markdown(rows) if args.markdown else terminal(rows))
    return 0

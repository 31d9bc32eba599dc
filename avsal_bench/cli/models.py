"""The command ``avsal models``: a table of all networks."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from avsal_bench.cli.options import Commands, add_command
from avsal_bench.typed import place

# Heavy imports stand inside the command: `avsal --help` must answer at once.


EXAMPLES = """examples
  avsal models                            all networks
  avsal models stavis                     this one: what it is, its sound, weights, published scores, recipe
  avsal models stavis --figure stavis.svg the data flow of it, drawn from one forward
  avsal models stavis --form v --figure stavis_v.svg
  avsal models mine --plugin mine.py --figure mine.svg
  avsal models --csv networks.csv         all numbers, in full"""


def add_parser(commands: Commands) -> None:
    """Add ``avsal models`` to the commands of ``avsal``."""
    text = "show what is known of every network: paper, input, size, speed, and what was verified"
    added = add_command(commands, "models", models, text, epilog=EXAMPLES)
    added.add_argument("names", nargs="*", metavar="NAME", help="networks; by default all")
    added.add_argument(
        "--figure", type=place, metavar="FILE", help="draw the data flow of one network into this file, SVG, and stop"
    )
    added.add_argument(
        "--form", default="", metavar="FORM", help="what to draw: a modality or a variant; by default the last modality"
    )
    added.add_argument("--figures", type=place, metavar="FOLDER", help="also draw all networks into this folder")
    added.add_argument("--markdown", action="store_true", help="print Markdown, as it stands in docs/zoo.md")
    added.add_argument(
        "--write", type=place, metavar="FILE", help="put the Markdown between the markers of this file, and stop"
    )
    added.add_argument("--csv", type=place, metavar="FILE", help="also write all numbers, in full, to this file")
    added.add_argument(
        "--cards", type=place, metavar="FILE", help="also write the cards of all networks, without scores, as JSON"
    )
    added.add_argument(
        "--recount",
        action="store_true",
        help="count parameters and MACs of the package's networks too, a minute, instead of reading its table",
    )


def models(args: argparse.Namespace) -> int:
    """Print or write the table, or draw a network."""
    if args.form and not args.figure:
        raise ValueError(f"--form {args.form} says what --figure draws; add --figure FILE.svg, or leave it out")
    return _draw(args) if args.figure else _tell(args)


def _draw(args: argparse.Namespace) -> int:
    from avsal_bench.catalogue.figure.made import figure
    from avsal_bench.files import check_writable, write_atomically

    if len(args.names) != 1:
        raise ValueError(f"--figure draws one network; name it, such as avsal models stavis --figure {args.figure}")
    path = Path(args.figure)
    if path.suffix != ".svg":
        raise ValueError(f"--figure {path}: figures are written as SVG; name a file that ends in .svg")
    check_writable(files=[path])
    write_atomically(path, figure(args.names[0], args.form))
    print(f"wrote {path}")
    return 0


def _tell(args: argparse.Namespace) -> int:
    from avsal_bench.bench.workspace import workspace
    from avsal_bench.catalogue.about import about
    from avsal_bench.catalogue.networks import catalogue
    from avsal_bench.catalogue.table import kinds, markdown, terminal, to_csv, write_into
    from avsal_bench.files import check_writable, write_atomically

    for option, where in (("--write", args.write), ("--figures", args.figures), ("--cards", args.cards)):
        if where and args.names:
            raise ValueError(f"{option} is for all networks, in {where}; leave out {' '.join(args.names)}")
    outputs = [Path(name) for name in (args.csv, args.write, args.cards) if name]
    if links := [path for path in outputs if path.is_symlink()]:
        raise ValueError(f"{links[0]} is a link to {links[0].resolve()}; name the file itself")
    check_writable(files=outputs)
    rows = catalogue(workspace().records, args.names, args.recount)
    if args.figures:
        from avsal_bench.catalogue.figure.made import write_figures

        made = write_figures(Path(args.figures), sorted({row.facts.network for row in rows if row.facts.modality}))
        print(f"wrote {len(made)} figures into {args.figures}")
    if args.csv:
        write_atomically(Path(args.csv), to_csv(rows))
    if args.cards:
        from avsal_bench.catalogue.card.model_card import cards_without_scores

        write_atomically(Path(args.cards), json.dumps(cards_without_scores(), indent=1, ensure_ascii=False) + "\n")
        print(f"wrote {args.cards}")
    if args.write:
        write_into(Path(args.write), markdown(rows), kinds(rows))
        print(f"wrote {args.write}")
        return 0
    print(markdown(rows) if args.markdown else terminal(rows))
    for name in dict.fromkeys(args.names):
        for section in about(name, rows):
            print(f"\n{section.markdown() if args.markdown else section.terminal()}")
    return 0

"""The command ``avsal leaderboard``: the pages, or tables of them for a paper."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from avsal_bench.bench.words import folder_options
from avsal_bench.cli.options import Commands, add_command, leaderboard_folder, publish
from avsal_bench.typed import place, word

# Heavy imports stand inside the command: `avsal --help` must answer at once.

EXAMPLES = """examples
  avsal leaderboard                                    index.html, README.md and leaderboard.csv
  avsal leaderboard --latex diem,avad --published      tables for a paper, with what other papers print
  avsal leaderboard --latex avad --out t.tex --bibtex references.bib"""


def add_parser(commands: Commands) -> None:
    """Add ``leaderboard`` to the commands of ``avsal``."""
    text = "generate the leaderboard from records and published scores, or tables of it for a paper"
    parser = add_command(commands, "leaderboard", leaderboard, text, epilog=EXAMPLES)
    folder_options(parser)
    group = parser.add_argument_group("tables in LaTeX")
    group.add_argument(
        "--latex", type=word, metavar="SETS", help="print tables of these sets, such as diem,avad, and stop"
    )
    group.add_argument("--metrics", type=word, metavar="NAMES", help="such as CC,NSS (default: all that have a score)")
    group.add_argument("--published", action="store_true", help="also a table of what papers print")
    group.add_argument("--intervals", action="store_true", help="measured: the 95 %% interval below each score")
    group.add_argument("--out", type=place, metavar="FILE", help="write the tables there instead")
    group.add_argument(
        "--bibtex",
        type=place,
        metavar="FILE",
        nargs="?",
        const="-",
        help="also the references of the tables, printed or written",
    )


def leaderboard(args: Namespace) -> int:
    """The leaderboard, or LaTeX tables and references of it."""
    folder = leaderboard_folder(args)
    if not args.latex:
        for option in ("metrics", "published", "intervals", "out", "bibtex"):
            if getattr(args, option):
                raise ValueError(f"--{option} is of tables in LaTeX; say of which sets, such as --latex diem,avad")
        publish(folder)
        return 0
    from avsal_bench.data.dataset import expand, use_root
    from avsal_bench.files import check_writable, write_atomically
    from avsal_bench.leaderboard.given_files import REFERENCES, given_file
    from avsal_bench.leaderboard.references import bibtex, read_references
    from avsal_bench.leaderboard.reports.latex import latex_tables

    check_writable(files=[Path(name) for name in (args.out, args.bibtex) if name and name != "-"])
    use_root(Path(args.data_root) if args.data_root else None)
    sets = expand(args.latex.split(","))
    metrics = args.metrics.split(",") if args.metrics else []
    tables = latex_tables(folder, sets, metrics, args.published, args.intervals)
    texts = [(args.out, tables.text)]
    if args.bibtex:
        entries = bibtex(read_references(given_file(folder, REFERENCES)), tables.named)
        texts.append((None if args.bibtex == "-" else args.bibtex, entries))
    for path, text in texts:
        if path is None:
            print(text, end="")
        else:
            write_atomically(Path(path), text)
            print(f"wrote {path}")
    return 0

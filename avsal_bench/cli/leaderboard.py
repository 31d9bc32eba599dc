"""The command ``avsal leaderboard``: the pages, tables of them for a paper, or what each seed of training heard."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from avsal_bench.bench.words import folder_options
from avsal_bench.cli.options import Commands, add_command, leaderboard_folder, publish, records_of, records_option
from avsal_bench.typed import listed, place, word

# Heavy imports stand inside the command: `avsal --help` must answer at once.

EXAMPLES = """examples
  avsal leaderboard                                    index.html, README.md and leaderboard.csv
  avsal leaderboard --latex diem,avad --published      tables for a paper, with what other papers print
  avsal leaderboard --latex avad --out t.tex --bibtex references.bib
  avsal leaderboard --hearing                          does it hear with every seed? of each network, on synthetic data
  avsal leaderboard --hearing avrsp,stavis --out t.md  of these, and in Markdown
  avsal leaderboard --compare stavis/diem/avrsp_av/paper stavis/diem/vinet_v/paper    rows, with paired differences
  avsal leaderboard --records lab_a --records b.zip    of the records in a folder and an archive"""


def add_parser(commands: Commands) -> None:
    """Add ``leaderboard`` to the commands of ``avsal``."""
    text = "generate the leaderboard from records and published scores, or tables of it"
    parser = add_command(commands, "leaderboard", leaderboard, text, epilog=EXAMPLES)
    folder_options(parser)
    records_option(parser, "By default those of the leaderboard's folder")
    group = parser.add_argument_group("tables")
    group.add_argument(
        "--latex", type=word, metavar="SETS", help="print tables of these sets in LaTeX, such as diem,avad, and stop"
    )
    group.add_argument(
        "--hearing",
        type=listed,
        nargs="?",
        const=[],
        metavar="NETWORKS",
        help="print for each network with sound what each seed of training gave on synthetic data, with sound, muted "
        "and without, and stop; nothing is trained. A name for some alone, such as avrsp,stavis",
    )
    group.add_argument(
        "--compare",
        type=word,
        nargs="+",
        metavar="ROW",
        help="print two to five rows of one set and protocol beside each other, with paired differences by video, and "
        "stop; a row is protocol/set/network/preset, as in the links of the page. Markdown, or LaTeX with --out x.tex",
    )
    group.add_argument(
        "--metrics",
        type=word,
        metavar="NAMES",
        help="such as CC,NSS (default: all that have a score; CC with --hearing, all six with --compare)",
    )
    group.add_argument("--published", action="store_true", help="also a table of what papers print")
    group.add_argument("--intervals", action="store_true", help="measured: the 95 %% interval below each score")
    group.add_argument(
        "--out",
        type=place,
        metavar="FILE",
        help="write the tables there instead; those of --hearing in Markdown, those of --compare as .md or .tex says",
    )
    group.add_argument(
        "--bibtex",
        type=place,
        metavar="FILE",
        nargs="?",
        const="-",
        help="also the references of the tables, printed or written",
    )


def leaderboard(args: Namespace) -> int:
    """The leaderboard, or tables of it."""
    folder = leaderboard_folder(args)
    if args.compare:
        return _compare(args, folder)
    if args.hearing is not None:
        return _hearing(args, folder)
    if not args.latex:
        for option in ("metrics", "published", "intervals", "out", "bibtex"):
            if getattr(args, option):
                raise ValueError(f"--{option} is of tables in LaTeX; say of which sets, such as --latex diem,avad")
        publish(folder, records_of(args))
        return 0
    return _latex(args, folder)


def _hearing(args: Namespace, folder: Path) -> int:
    """What each seed of training gave."""
    from avsal_bench.files import check_writable, write_atomically
    from avsal_bench.leaderboard.reports.seed_tables import seed_tables, seed_tables_markdown, seed_tables_text

    for option in ("latex", "published", "intervals", "bibtex"):
        if getattr(args, option):
            raise ValueError(f"--{option} is of tables in LaTeX; leave out --hearing")
    check_writable(files=[Path(args.out)] if args.out else [])
    tables = seed_tables(folder, args.hearing, listed(args.metrics or ""), records_of(args))
    if args.out:
        write_atomically(Path(args.out), seed_tables_markdown(tables))
        print(f"wrote {args.out}")
    else:
        print(seed_tables_text(tables))
    return 0


def _compare(args: Namespace, folder: Path) -> int:
    """Rows beside each other."""
    from avsal_bench.files import check_writable, write_atomically
    from avsal_bench.leaderboard.reports.compared_rows import compared_rows

    for option in ("latex", "hearing", "published", "intervals", "bibtex"):
        if getattr(args, option) not in (None, False):
            raise ValueError(f"--{option} and --compare are two tables; leave out one of them")
    out = Path(args.out) if args.out else None
    if out is not None and out.suffix not in (".md", ".tex"):
        raise ValueError(f"{out}: --compare writes Markdown (.md) or LaTeX (.tex); name the file so")
    check_writable(files=[out] if out else [])
    compared = compared_rows(folder, args.compare, listed(args.metrics or ""), records_of(args))
    if out is None:
        print(compared.markdown(), end="")
    else:
        write_atomically(out, compared.latex() if out.suffix == ".tex" else compared.markdown())
        print(f"wrote {out}")
    return 0


def _latex(args: Namespace, folder: Path) -> int:
    """Tables in LaTeX, and their references."""
    from avsal_bench.data.dataset import expand, use_root
    from avsal_bench.files import check_writable, write_atomically
    from avsal_bench.leaderboard.given_files import REFERENCES, given_file
    from avsal_bench.leaderboard.references import bibtex, read_references
    from avsal_bench.leaderboard.reports.latex import latex_tables

    check_writable(files=[Path(name) for name in (args.out, args.bibtex) if name and name != "-"])
    use_root(Path(args.data_root) if args.data_root else None)
    sets = expand(args.latex.split(","))
    metrics = args.metrics.split(",") if args.metrics else []
    tables = latex_tables(folder, sets, metrics, args.published, args.intervals, records_of(args))
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

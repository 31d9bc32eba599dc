"""The command ``avsal data get``: fetch data sets from where they are offered."""

from __future__ import annotations

from argparse import Namespace

from avsal_bench.cli.options import Commands, add_command, asked_of, getting_options, set_options
from avsal_bench.typed import listed

_DESCRIPTION = """\
Fetch data sets from where they are offered, and put them into the layout that the other commands read. Only this and
`avsal weights get` fetch anything, and nothing before you have seen from where, how large, and under which terms.

A download that broke off goes on where it stopped. The SHA-256 of each file is written into <root>/downloads.json when
it is fetched first, and compared ever after. Archives are unpacked into a folder of their own and then moved, and no
file of yours is replaced. What is there already is not fetched. Sets that need a person (a form, a drive) get their
steps printed. At the end `avsal data check` looks at every file."""

_EPILOG = """\
examples:
  avsal data get avad --root /data/saliency --dry-run       what, from where, how large; only HEAD requests
  avsal data get avad --root /data/saliency --accept        fetch it, once you have read its terms
  avsal data get six --only maps --accept                   ground truth of the six sets, to score maps
  avsal data get six --accept --from http://lab/mirror      from a server of your own, filled by `wget -x`
  avsal data get hf:ANDRYHA/CrowdSAL --root lab --dry-run   a set of anyone on Hugging Face, into lab/CrowdSAL
Exit codes: 0 all is there, 1 something failed or was found, 2 what you gave is wrong, 3 something was not fetched,
as it needs you: terms to accept, or steps to do."""


def add_get(commands: Commands) -> None:
    """Add ``get`` to the commands of ``avsal data``."""
    text = "fetch data sets, unpack them into the layout, and check them"
    parser = add_command(commands, "get", get, text, _DESCRIPTION, _EPILOG)
    what = "data sets, six, or hf:OWNER/NAME; `avsal list` names them"
    parser.add_argument("sets", nargs="+", metavar="SET", help=what)
    parser.add_argument("--only", type=listed, default=[], metavar="PARTS", help="such as maps, or frames,sound")
    parser.add_argument("--no-check", action="store_true", help="do not look at every file at the end")
    getting_options(parser)
    set_options(parser, several=False)


def get(args: Namespace) -> int:
    """Fetch data sets, and check them."""
    from avsal_bench.bench.workspace import workspace
    from avsal_bench.data.audit.audit import check_sets
    from avsal_bench.data.dataset import expand
    from avsal_bench.data.online import get_sets
    from avsal_bench.data.repositories import get_repository
    from avsal_bench.workers import Workers

    root = workspace(args.data_root, args.synth_root).data_root
    if root is None:
        raise ValueError("name the folder that the sets go into with --root, or by AVSAL_DATA; it may be new")
    elsewhere = [name for name in args.sets if name.startswith("hf:")]
    names = expand(name for name in args.sets if name not in elsewhere)
    codes = [get_repository(name, root, asked_of(args)) for name in elsewhere]
    code, present = get_sets(names, root, asked_of(args), args.only)
    code = 1 if 1 in codes else max([code, *codes])
    if not present or args.no_check or args.only:
        return code
    with Workers(args.workers) as workers:
        report = check_sets(dict.fromkeys(present, root), workers)
    print(report.table())
    return code or (1 if report.errors else 0)

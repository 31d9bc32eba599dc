"""The command ``avsal study path``: where the sound goes in a network, and where it is lost."""

from __future__ import annotations

import argparse
from pathlib import Path

from avsal_bench.bench.words import folder_options, space_of
from avsal_bench.cli.options import Commands, add_command
from avsal_bench.typed import fold, place, whole, word

# Heavy imports stand inside the command: `avsal --help` must answer at once.

_DESCRIPTION = """\
Give a trained network the same windows with another sound, and look at what each of its parts gives: how much of it is
sound, from the first layer that hears to the map, and where it is lost. Then look at the gradient of the loss in some
training batches: how much comes back to each part, and whether it is another one with other sounds. Windows are of
test videos whose sound decides where people look; nothing is trained or written but what you name.
docs/sound_path.md explains the columns."""

_EPILOG = """\
examples:
  avsal study path leaderboard/records/stavis/synth/avrsp_av-fold1-seed0.json
  avsal study path RECORD.json --depth 3 --csv path.csv -o path.png
  avsal study path --weights runs/stages/<training>/last.ckpt
  avsal study path --weights avinet_dave --dataset AVAD        published weights that were imported
  avsal study path --untrained --model stanet                  what the design lets through before it learns"""


def add_path(commands: Commands) -> None:
    """Add ``path`` to the commands of ``avsal study``."""
    text = "where the sound goes in a network, and where it is lost"
    parser = add_command(commands, "path", path, text, _DESCRIPTION, _EPILOG)
    parser.add_argument("record", type=place, nargs="?", metavar="RECORD", help="a file of the leaderboard's records")
    parser.add_argument("--windows", type=whole(2), default=64, metavar="N", help="of videos (default: %(default)s)")
    text = "of training, for the gradients; 0 for none (default: %(default)s)"
    parser.add_argument("--batches", type=whole(0), default=4, metavar="N", help=text)
    text = "of parts: 1 for those of the network, 2 for those of these (default: %(default)s)"
    parser.add_argument("--depth", type=whole(1), default=2, metavar="N", help=text)
    parser.add_argument("--csv", type=place, metavar="FILE", help="write all numbers there")
    parser.add_argument("-o", "--out", type=place, metavar="OUT", help="draw the shares: a name that ends in .png")
    text = "cpu, cuda or cuda:<n>; auto is a GPU where there is one (default: auto)"
    parser.add_argument("--device", default="auto", help=text)
    group = parser.add_argument_group("in the place of a record")
    group.add_argument("--weights", default="", metavar="W", help="a checkpoint, or the name of imported weights")
    text = "the network of --model as its recipe starts it, nothing trained; norms know some batches"
    group.add_argument("--untrained", action="store_true", help=text)
    group.add_argument("--preset", type=word, help="of the recipe of --untrained (default: smoke)")
    group.add_argument("--model", default="", help="of --untrained; or of a file that does not say it")
    group.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="such as network.frames=16")
    group.add_argument("--dataset", metavar="SET", help="whose videos are watched (default: synth)")
    group.add_argument("--fold", type=fold, metavar="K", help="of its lists (default: 1)")
    folder_options(parser)


def path(args: argparse.Namespace) -> int:
    """Follow the sound, and print what was found."""
    if [bool(args.record), bool(args.weights), args.untrained].count(True) != 1:
        raise ValueError("give a record, --weights or --untrained, one of them")
    named = {"--model": args.model, "--set": args.set}
    lists = {"--dataset": args.dataset, "--fold": args.fold}
    out_of_place = ({} if args.weights else lists) | ({} if args.untrained else {"--preset": args.preset})
    out_of_place |= named if args.record else {}
    if given := [name for name, value in out_of_place.items() if value]:
        raise ValueError(
            f"{given[0]} does not go with {args.record or ('--weights' if args.weights else '--untrained')}"
        )
    if args.untrained and not args.model:
        raise ValueError("--untrained: say which network with --model, such as avrsp")
    if args.out and Path(args.out).suffix.lower() != ".png":
        raise ValueError(f"{args.out}: expected a name that ends in .png")

    from avsal_bench.prediction import Running
    from avsal_bench.studies.sound_path import path_report
    from avsal_bench.studies.sound_path.path_sources import of_record, of_start, of_weights
    from avsal_bench.studies.sound_path.tracing import trace

    space, device = space_of(args), Running(device=args.device).torch_device()
    if args.record:
        source = of_record(Path(args.record), space)
    elif args.untrained:
        source = of_start(space, args.model, args.preset or "smoke", args.set)
    else:
        dataset = args.dataset or "synth"
        source = of_weights(space, args.weights, args.model, args.set, dataset, args.fold or 1)
    known = f" ({source.sha256[:12]})" if source.sha256 else ""
    title = f"{source.name}, {'' if args.untrained else 'weights '}{source.weights}{known}, on {source.dataset}"
    print(title, flush=True)
    found = trace(source, args.windows, args.batches, args.depth, device)
    print(path_report.path_table(found.paths))
    if found.learnt:
        print(f"\n{path_report.learning_table(found.learnt)}")
    print()
    for one in found.paths.values():
        print(path_report.sentence(one))
    if args.csv:
        path_report.write_path(Path(args.csv), found.paths, found.learnt)
    if args.out:
        path_report.draw_path(found.paths, title, Path(args.out))
    return 0

"""The command ``avsal hear``: how much of a score comes from hearing."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from avsal_bench.bench.job import sound_option
from avsal_bench.bench.words import folder_options, machine_of, machine_options, space_of
from avsal_bench.cli.options import Commands, add_command, publish
from avsal_bench.records import SOUNDS
from avsal_bench.typed import folds, place, whole, word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from avsal_bench.bench.workspace import Workspace
    from avsal_bench.leaderboard.sound_losses import SoundLoss
    from avsal_bench.records import Record

# Heavy imports stand inside the command: `avsal --help` must answer at once.

_DESCRIPTION = """\
How much of a score comes from hearing: the same weights, the same frames, and silence, the sound of another video, or
of one that is as loud, the sound a second early or late, or noise. Nothing is trained, and what is there already is not
tested again. Prints what each metric loses, which losses are shown and which could have been, and puts it on the
leaderboard. There are three ways, docs/hearing.md has the rules:

  RECORD...          networks that were tested here: their weights are found by their records
  --weights W        weights without a record: a checkpoint of your own, or published ones that were imported
  --pred DIR ...     maps that any code predicted with the true sound, and again with another: nothing runs here"""

_EPILOG = """\
examples:
  avsal hear leaderboard/records/stavis/synth/avrsp_av-fold1-seed0.json
  avsal hear leaderboard/records/stavis/diem/stavis_av-*.json --sound swapped,matched -o pictures
  avsal hear --model mine --weights epoch40.ckpt --set network.width=16 --dataset AVAD --fold 1,2,3 --name mine
  avsal hear --weights stavis_av_fold{fold} --dataset AVAD --fold 1,2,3 --name stavis-published
  avsal hear --pred with/ --muted without/ --dataset AVAD --fold 1 --name theirs"""

#: Sounds that folders of maps may be of.
_OTHERS = tuple(sound for sound in SOUNDS if sound != "original")
_HEARD = {
    "muted": "silence",
    "swapped": "the sound of another video",
    "matched": "a sound as loud and of the same kind",
    "shifted": "the sound a second early or late",
    "noise": "noise as loud as the sound",
}
#: What a test computes in where nobody says.
_FLOAT32 = "32-true"
#: Options that belong to some of the ways, as their values are called, with the ways.
_OF_WAYS = {
    **dict.fromkeys(("dataset", "fold", "name", "protocol", "trained_on", "force"), ("--weights", "--pred")),
    **dict.fromkeys(("model", "set"), ("--weights",)),
    **dict.fromkeys((*_OTHERS, "first", "allow_missing", "any_shape"), ("--pred",)),
    **dict.fromkeys(("sound", "keep_maps", "compile", "precision"), ("RECORD", "--weights")),
}


def add_parser(commands: Commands) -> None:
    """Add ``hear`` to the commands of ``avsal``."""
    text = "test networks with other sounds: how much of a score comes from hearing"
    parser = add_command(commands, "hear", hear, text, _DESCRIPTION, _EPILOG)
    parser.set_defaults(logger=None)
    folder_options(parser)
    parser.add_argument(
        "records", type=place, nargs="*", metavar="RECORD", help="files of the leaderboard's folder records"
    )
    parser.add_argument(
        "-o",
        "--out",
        type=place,
        metavar="DIR",
        help="folder for pictures of the losses over time, an SVG and a PNG a row",
    )
    sound_option(parser, "of records and weights, only these, beside the true sound")
    _weights_options(parser)
    _maps_options(parser)
    _row_options(parser)
    machine_options(parser)


def _weights_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("weights without a record")
    text = "a checkpoint, a file in its authors' form, or the name of imported weights; {fold} stands for the fold"
    group.add_argument("--weights", type=place, metavar="W", help=text)
    group.add_argument("--model", type=word, metavar="NAME", help="network; a checkpoint of a training here says it")
    group.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="such as network.frames=16")


def _maps_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("maps that were predicted elsewhere (layouts: avsal evaluate --help)")
    group.add_argument("--pred", type=place, metavar="DIR", help="folder of the maps with the true sound")
    for sound in _OTHERS:
        group.add_argument(f"--{sound}", type=place, metavar="DIR", help=f"folder of those with {_HEARD[sound]}")
    group.add_argument("--first", type=whole(0), help="number of the first frame's file (default: 1)")
    group.add_argument("--allow-missing", action="store_true", help="score the frames that are in all folders")
    group.add_argument("--any-shape", action="store_true", help="score maps that look transposed, cut or letterboxed")


def _row_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("test list and row, of weights and maps")
    group.add_argument("--dataset", type=word, metavar="SET", help="such as AVAD; `avsal list` names them")
    group.add_argument("--fold", type=folds, metavar="K", help="test lists, such as 1,2,3 (default: 1)")
    group.add_argument("--name", type=word, help="of the row (default: that of the weights, or of the folder --pred)")
    group.add_argument("--protocol", type=word, help="how maps become scores (default: stavis)")
    group.add_argument(
        "--trained-on", type=word, metavar="SETS", help="what it was trained on, see avsal evaluate (default: unknown)"
    )
    group.add_argument("--force", action="store_true", help="do everything anew, and replace the records of this name")


def hear(args: argparse.Namespace) -> int:
    """Test or score what is missing, and print the losses."""
    from avsal_bench.bench.sharing.processes import first_process
    from avsal_bench.leaderboard.sound_losses import losses_text, sound_losses

    way = _way(args)
    if args.out and Path(args.out).exists() and not Path(args.out).is_dir():
        raise ValueError(f"--out {args.out}: a file is in the place of the folder of pictures; name another one")
    space = space_of(args)
    records = {"RECORD": _of_records, "--weights": _of_weights, "--pred": _of_maps}[way](args, space)
    if first_process():
        publish(space.leaderboard)
        losses = sound_losses(records)
        print(f"\n{losses_text(losses)}")
        if args.out:
            _draw(losses, Path(args.out))
        if way == "--pred":
            print("That the maps differ in the sound alone is the word of who made them.")
    return 0


def _draw(losses: Sequence[SoundLoss], folder: Path) -> None:
    """Draw the losses over time, and say where they are."""
    from avsal_bench.leaderboard.reports.loss_plots import draw_losses
    from avsal_bench.text import many

    written = draw_losses(losses, folder)
    print(
        f"{many(len(written), 'picture')} of losses over time: {folder}" if written else "no scores over time to draw"
    )


def _way(args: argparse.Namespace) -> str:
    """The way that is asked for.

    Raises:
        ValueError: for none, for several, and for an option that another way has.
    """
    ways = {"RECORD": args.records, "--weights": args.weights, "--pred": args.pred}
    asked = [way for way, given in ways.items() if given]
    given = {name for name in _OF_WAYS if getattr(args, name) not in (None, False, [], _FLOAT32)}
    told = {name: f"--{name.replace('_', '-')}" for name in _OF_WAYS}
    if not asked:
        if alone := sorted(given - {"sound", "keep_maps", "compile", "precision"}):
            raise ValueError(f"{told[alone[0]]} goes with {' or '.join(_OF_WAYS[alone[0]])}, which is missing")
        raise ValueError("name records, --weights, or folders of maps with --pred; `avsal hear --help` has examples")
    if len(asked) > 1:
        raise ValueError(f"{' and '.join(asked)} are two ways to say what is tested; leave one out")
    if wrong := sorted(name for name in given if asked[0] not in _OF_WAYS[name]):
        raise ValueError(f"{told[wrong[0]]} goes with {' or '.join(_OF_WAYS[wrong[0]])}, not with {asked[0]}")
    if asked[0] != "RECORD" and not args.dataset:
        raise ValueError(f"{asked[0]} needs --dataset, the set whose test list is meant, such as AVAD")
    return asked[0]


def _of_records(args: argparse.Namespace, space: Workspace) -> list[Record]:
    from avsal_bench.bench.plan import asked_sounds
    from avsal_bench.studies.hear import hear as test

    space.check_writable(files=map(Path, args.records))
    return test([Path(path) for path in args.records], space, machine_of(args), asked_sounds(args.sound or SOUNDS))


def _of_weights(args: argparse.Namespace, space: Workspace) -> list[Record]:
    from avsal_bench.bench.plan import asked_sounds
    from avsal_bench.data.dataset import resolve_name
    from avsal_bench.studies.elsewhere.hear_weights import WeightsHeard, hear_weights

    asked = WeightsHeard(
        args.weights,
        resolve_name(args.dataset),
        tuple(args.fold or (1,)),
        args.model or "",
        args.name or "",
        tuple(args.set),
        args.protocol or "stavis",
        args.trained_on,
    )
    return hear_weights(asked, space, machine_of(args), asked_sounds(args.sound or SOUNDS), args.force)


def _of_maps(args: argparse.Namespace, space: Workspace) -> list[Record]:
    from avsal_bench.bench.evaluate import Submission
    from avsal_bench.data.dataset import resolve_name
    from avsal_bench.evaluation.protocol import protocol
    from avsal_bench.studies.elsewhere.hear_maps import MapsHeard, hear_maps
    from avsal_bench.workers import Workers

    maps = Path(args.pred)
    first = 1 if args.first is None else args.first
    name = args.name or maps.resolve().name
    true = Submission(maps, name, resolve_name(args.dataset), 1, "av", first, args.any_shape)
    others = {sound: Path(folder) for sound in _OTHERS if (folder := getattr(args, sound))}
    asked = MapsHeard(true, others, tuple(args.fold or (1,)), args.trained_on)  # type: ignore[arg-type]
    with Workers(args.workers) as workers:
        return hear_maps(asked, protocol(args.protocol or "stavis"), space, workers, args.allow_missing, args.force)

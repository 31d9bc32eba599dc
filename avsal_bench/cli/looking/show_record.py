"""The command ``avsal show``: look at what a network looks at, and listen to what it hears."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from avsal_bench.bench.words import default_workers, folder_options, space_of
from avsal_bench.cli.options import Commands, add_command, publish, records_of, records_option
from avsal_bench.records import SOUNDS, record_path
from avsal_bench.text import many
from avsal_bench.typed import named, place, whole, word

if TYPE_CHECKING:
    from avsal_bench.bench.machine import Machine
    from avsal_bench.bench.workspace import Workspace
    from avsal_bench.records import Record
    from avsal_bench.spec import Sound

# Heavy imports stand inside the command: `avsal --help` must answer at once.

_DESCRIPTION = """\
Look at what a network looks at, and listen to what it hears. Nothing is trained: the weights are found by the
record, as `avsal hear` finds them. There are two ways:

  avsal show RECORD -o FOLDER
      a folder that opens from the disk: short films of test videos, side by side the frame, where people looked,
      the maps with the true sound, with silence and with the sound of another video, and what the sound moves;
      with the sound to play, and the score of each map over time. Nothing is uploaded or loaded from elsewhere.
  avsal show --compare ROW ROW ... -o grid.png
      the maps of several networks on the same frames, with the frame and the ground truth.

A RECORD or ROW is a file, or a row as the leaderboard names it: avrsp/av, synth/avrsp_av, "AVRSP (av)",
stavis/synth/avrsp_av/smoke, or a file's name such as avrsp_av-fold1-seed0. Rows stand for their first fold and
seed, of one test list."""

_EPILOG = """\
examples:
  avsal show leaderboard/records/stavis/synth/avrsp_av-fold1-seed0.json -o look
      then open look/index.html; three videos: hearing gains most, loses most, and a middling one
  avsal show leaderboard/records/stavis/diem/avrsp_av-fold1-seed0.json --videos NAME1,NAME2 --sound muted,noise -o look
  avsal show leaderboard/records/stavis/synth/avrsp_av-fold1-seed0.json --into-leaderboard
      films in leaderboard/films, and the page with them: the panel of the row plays them
  avsal show --compare avrsp/v avrsp/av mspi/av -o grid.pdf
      rows of the leaderboard; frames on which the networks disagree most
  avsal show --compare diem/avrsp_v diem/avrsp_av --records lab.zip -o grid.png
      rows of other records
  avsal show --compare avrsp_v.json avrsp_av.json --frames timbre_04:20,pulse_01:31 -o grid.svg

For a film of your own: `avsal predict film.mp4 -o folder --view`. A run that was stopped goes on with the next film."""

#: Options of one of the two ways, as their values are called.
_OF_FILMS = ("sound", "videos", "into_leaderboard")
_OF_GRID = ("frames", "columns")
#: How many frames a grid has where nobody names them.
_COLUMNS = 5


def add_parser(commands: Commands) -> None:
    """Add ``show`` to the commands of ``avsal``."""
    text = "films of what a network looks at and hears, and maps of several networks side by side"
    parser = add_command(commands, "show", show, text, _DESCRIPTION, _EPILOG)
    parser.add_argument(
        "record", type=place, nargs="?", metavar="RECORD", help="a file or row of the leaderboard's records"
    )
    parser.add_argument(
        "-o", "--out", type=place, metavar="OUT", help="folder of the films; or with --compare a .png, .svg or .pdf"
    )
    films = parser.add_argument_group("films of a record")
    text = f"what the network hears besides its true sound, of {','.join(SOUNDS[1:])}, or none (default: muted,swapped)"
    films.add_argument("--sound", type=named, metavar="NAMES", help=text)
    text = "test videos (default: three, chosen by what the record, and one with the sound muted beside it, say)"
    films.add_argument("--videos", type=_pieces, metavar="NAMES", help=text)
    text = "put the films into the leaderboard's folder films, and make its page anew; for embedded sets alone"
    films.add_argument("--into-leaderboard", action="store_true", help=text)
    grid = parser.add_argument_group("maps of several networks")
    grid.add_argument(
        "--compare", type=place, nargs="+", metavar="ROW", help="rows or records of networks on one test list, in order"
    )
    text = "frames of test videos, numbered from 1 (default: those on which the networks disagree most)"
    grid.add_argument("--frames", type=_pieces, metavar="VIDEO:N,...", help=text)
    text = f"how many frames to choose (default: {_COLUMNS})"
    grid.add_argument("--columns", type=whole(1, 20), metavar="N", help=text)
    records_option(parser, "By default those of the leaderboard's folder")
    folder_options(parser)
    machine = parser.add_argument_group("machine")
    text = "cpu, cuda or cuda:<n>; auto is a GPU where there is one (default: auto)"
    machine.add_argument("--device", type=word, default="auto", help=text)
    machine.add_argument(
        "--workers", type=whole(0), default=default_workers(), help="reading processes (default: %(default)s)"
    )
    parser.add_argument(
        "--force", action="store_true", help="make everything anew, and replace films of something else"
    )


def _pieces(text: str) -> list[str]:
    """Names with commas between them, cut at each; names of videos may have some themselves."""
    return text.split(",") if named(text) else []


def show(args: argparse.Namespace) -> int:
    """Make films of a record, or a grid of maps."""
    from avsal_bench.bench.machine import Machine

    _check_asked(args)
    space, machine = space_of(args), Machine(workers=args.workers)
    return _grid(args, space, machine) if args.compare else _films(args, space, machine)


def _films(args: argparse.Namespace, space: Workspace, machine: Machine) -> int:
    from avsal_bench.records import read_record
    from avsal_bench.studies.showing.record_films import DEFAULT_SOUNDS, AskedFilms, record_films

    sounds = DEFAULT_SOUNDS if args.sound is None else _asked(args.sound)
    [path] = _named(args, [args.record], space)
    record = read_record(path)
    if args.into_leaderboard:
        from avsal_bench.leaderboard.films.film_places import folder_in_leaderboard

        folder = folder_in_leaderboard(space.leaderboard, record)
    else:
        folder = Path(args.out)
    asked = AskedFilms(sounds, tuple(args.videos or ()), args.force, _command(args, record))
    films, there = record_films(path, folder, asked, space, machine, args.device)
    if there:
        print(f"{there} of {many(len(films.films), 'film')} were there")
    for film in films.films:
        print(f"{film.video}: {film.why}" if film.why else film.video)
    print(folder / "index.html")
    if args.into_leaderboard:
        publish(space.leaderboard)
    return 0


def _grid(args: argparse.Namespace, space: Workspace, machine: Machine) -> int:
    from avsal_bench.studies.showing.map_grid import compared_maps, draw_grid

    paths = _named(args, args.compare, space)
    grid = compared_maps(paths, args.frames or (), args.columns or _COLUMNS, space, machine, args.device)
    draw_grid(grid, Path(args.out))
    for column in grid.columns:
        print(column.told)
    print(args.out)
    return 0


def _named(args: argparse.Namespace, names: list[str], space: Workspace) -> list[Path]:
    """Files of the records that are named, with what was chosen of several told."""
    from avsal_bench.leaderboard.reports.named_records import named_records

    found = named_records(names, space.leaderboard, records_of(args))
    for one in found:
        if one.note:
            print(f"note: {one.note}", flush=True)
    return [one.path for one in found]


def _asked(names: list[str]) -> tuple[Sound, ...]:
    """Sounds besides the true one.

    Raises:
        ValueError: for an unknown one.
    """
    from avsal_bench.bench.plan import asked_sounds

    if names == ["none"]:
        return ()
    return tuple(sound for sound in asked_sounds(names) if sound != "original")


def _command(args: argparse.Namespace, record: Record) -> str:
    """The command as others would type it: without folders of this machine."""
    r = record
    place = record_path(Path("leaderboard/records"), r.network, r.dataset, r.fold, r.seed, r.protocol, r.sound)
    words = ["avsal", "show", place.as_posix()]
    words += ["--videos", ",".join(args.videos)] if args.videos else []
    words += ["--sound", ",".join(args.sound)] if args.sound else []
    words += ["--into-leaderboard"] if args.into_leaderboard else ["-o", Path(args.out).name]
    return shlex.join(words)[:300]


def _check_asked(args: argparse.Namespace) -> None:
    """Refuse what nobody can mean."""
    if bool(args.record) == bool(args.compare):
        raise ValueError("name one RECORD for films of it, or several with --compare; `avsal show --help` has examples")
    other = _OF_FILMS if args.compare else _OF_GRID
    if wrong := [name for name in other if getattr(args, name) not in (None, False)]:
        way = "--compare" if args.compare else "films of one RECORD"
        raise ValueError(f"--{wrong[0].replace('_', '-')} does not go with {way}; leave it out")
    if args.into_leaderboard and args.out:
        raise ValueError("--into-leaderboard has a folder of its own; leave out -o")
    if not args.out and not args.into_leaderboard:
        what = "grid.png, or another name that ends in .png, .svg or .pdf" if args.compare else "a new folder"
        raise ValueError(f"give the result a name with -o: {what}")
    if args.compare and Path(args.out).suffix.lower() not in (".png", ".svg", ".pdf"):
        raise ValueError(f"{args.out}: a grid is written as .png, .svg or .pdf; give it a name that ends so")
    if args.compare and len(args.compare) > 12:
        raise ValueError(f"{many(len(args.compare), 'record')}: a grid has room for 12; name fewer")

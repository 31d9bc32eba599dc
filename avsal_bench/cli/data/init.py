"""The command ``avsal data init``: describe a set of one's own by looking at its files."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from avsal_bench.cli.options import Commands, add_command
from avsal_bench.typed import place, word

if TYPE_CHECKING:
    from avsal_bench.data.describing.told import Found

# Heavy imports stand inside the command: `avsal --help` must answer at once.

_DESCRIPTION = """\
Look at the files of your own data set, and write dataset.yaml beside them. With that file the set
has a name, which every command takes. What was guessed is printed, with how sure it is; read the file,
mend what is wrong, and let `avsal data check` look at every file.

What a set needs, for each frame of each video (or for each image):
  maps         where people looked, as a grey picture: png or jpg
  fixations    the points where they looked: a picture, white on black, or a .mat
  frames       pictures, numbered, or one video file a video; only to run networks
  sound        a wav a video, or the track of the video file; only for networks that hear
The parts may lie in any folders, as long as a folder or a file bears the name of its video."""

_EPILOG = """\
examples:
  avsal data init lab --dry-run            look, and print what would be written
  avsal data init lab                      write lab/dataset.yaml
  avsal data check --root lab              look at every file
  avsal bench centre mep --data-root lab --datasets lab
  avsal evaluate --data-root lab --dataset lab --pred maps --name mynet
Exit codes: 0 done, 1 something that a set needs was not found, 2 what you gave is wrong."""


def add_init(commands: Commands) -> None:
    """Add ``init`` to the commands of ``avsal data``."""
    text = "describe a set of your own: look at its files, and write dataset.yaml"
    parser = add_command(commands, "init", init, text, _DESCRIPTION, _EPILOG)
    parser.add_argument("root", type=place, nargs="?", metavar="ROOT", help="folder that holds the files of the set")
    parser.add_argument("--name", type=word, help="of the set (default: that of its folder)")
    parser.add_argument("--dry-run", action="store_true", help="print what would be written, and write nothing")
    parser.add_argument("--force", action="store_true", help="replace a dataset.yaml that is there")
    parser.add_argument("--schema", action="store_true", help="print the JSON Schema for editors, and do nothing else")


def init(args: Namespace) -> int:
    """Look at a tree, say what was guessed, and write its description."""
    from avsal_bench.data.layouts.description_file import json_schema
    from avsal_bench.data.layouts.patterns import FILE
    from avsal_bench.names import plain_name

    if args.schema:
        print(json.dumps(json_schema(), indent=1))
        return 0
    if not args.root:
        raise ValueError("name the folder of the set, such as `avsal data init lab`")
    from avsal_bench.data.describing import description_text, look_at_tree
    from avsal_bench.data.describing.trying import counts
    from avsal_bench.files import write_atomically

    root = Path(args.root)
    path = root / FILE
    if path.exists() and not (args.force or args.dry_run):
        raise ValueError(f"{path} is there; look at it, print another with --dry-run, or replace it with --force")
    found = look_at_tree(root)
    if args.name:
        if len(found.sets) != 1:
            raise ValueError(f"--name {args.name}: names one set, and {len(found.sets)} were found in {root}")
        found.sets[0].name = plain_name("data set", args.name)
    print(_told(found))
    if not found.whole:
        return 0 if found.built_in and not found.sets else 1
    text = description_text(found)
    told = counts(root, text)
    if args.dry_run:
        print(f"\n{text}\n{told}")
        return 0
    write_atomically(path, text)
    names = " ".join(one.name for one in found.sets)
    print(f"\n{told}\nwrote {path}\nnow read it, and then: avsal data check {names} --root {root}")
    return 0


def _told(found: Found) -> str:
    """What was guessed, as tables."""
    from avsal_bench.text import many, text_table

    blocks = []
    for one in found.sets:
        body = [[g.what, g.value, g.sure, g.why] for g in one.guesses]
        what = f"{one.name}: {many(len(one.names), 'image' if one.stills else 'video')}" if one.names else one.name
        blocks.append(f"{what}\n{text_table(['what', 'guess', 'how sure', 'why'], body)}")
        if one.missing:
            blocks.append(f"{one.name} cannot be described: {' and '.join(one.missing)} not found; nothing was written")
    if found.built_in:
        names = ", ".join(found.built_in)
        blocks.append(f"of the package, which need no description: {names}; `avsal data check --root {found.root}`")
    blocks += [f"note: {note}" for note in found.notes]
    return "\n\n".join(blocks)

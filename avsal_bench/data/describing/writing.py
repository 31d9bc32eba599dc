"""A ``dataset.yaml`` of what was found, with a comment at every line that somebody should look at."""

from __future__ import annotations

import json
from collections.abc import Iterator

from avsal_bench.data.describing.told import Found, SetFound

_HEAD = """\
# Written by `avsal data init`, which looked at the files. Read it, and mend what it guessed.
# Paths start at the folder of this file. {name}: of a video; {frame:05}: number of a frame's file, in five digits.
# `avsal data check` looks at every file that is asked for here; docs/own-data.md explains the keys.
"""


def description_text(found: Found) -> str:
    """The text of the file: of one set, or of several under ``sets``."""
    if len(found.sets) == 1:
        return _HEAD + "".join(f"{line}\n" for line in _lines(found.sets[0]))
    blocks = []
    for one in found.sets:
        first, *rest = _lines(one)
        blocks += [f"  - {first}", *(f"    {line}" for line in rest), ""]
    return _HEAD + "sets:\n" + "\n".join(blocks)


def _lines(one: SetFound) -> Iterator[str]:
    """The lines of one set."""
    yield f"name: {_quoted(one.name)}  # in commands and tables, such as `avsal data check {one.name}`"
    yield f"title: {_quoted(one.name)}  # for people"
    yield f"layout: {_layout(one)}  # stavis, dhf1k or stills: where parts lie that are not named below"
    yield "files:"
    for part in ("frames", "maps", "fixations", "sound", "gaze"):
        if part in one.chosen:
            yield f"  {part}: {_quoted(one.chosen[part].pattern)}{_doubt(one, part)}"
    yield from _first(one)
    if not one.stills:
        yield from _rates(one)
        yield f"sound: {'true' if one.sound else 'false'}{_doubt(one, 'sound')}"
        if one.silent:
            yield f"silent: [{', '.join(map(_quoted, one.silent))}]{_doubt(one, 'silent')}"
    yield f"split:{_doubt(one, 'split')}"
    for key, value in one.split.items():
        if isinstance(value, dict):
            yield f"  {key}:"
            yield from (f"    {part}: {_quoted(folder)}" for part, folder in value.items())
        else:
            yield f"  {key}: {_quoted(value) if isinstance(value, str) else value}"
    if "fraction" in one.split:
        yield "  # or, in the place of both: `folds: 3`, where each video is tested once; `test: [names]`; or"
        yield "  # `lists: lists/{part}.txt`, where {part} is train and test"
    yield f"viewers: {one.viewers}" if one.viewers else "# viewers: 12  # how many watched each video"
    yield "device: eye  # or mouse"
    yield "# heard: true  # whether viewers heard the sound"
    yield "# conditions: free viewing, screen of 1920 x 1080 at 60 cm"
    yield "# licence: CC BY 4.0"
    yield "# citation: A. Author and B. Author 2025"
    yield "# source: https://"


def _layout(one: SetFound) -> str:
    if one.stills:
        return "stills"
    return "dhf1k" if "folders" in one.split or "annotation/" in one.chosen["maps"].pattern else "stavis"


def _first(one: SetFound) -> Iterator[str]:
    firsts = set(one.first.values())
    if len(firsts) == 1 and firsts != {1}:
        yield f"first: {firsts.pop()}  # number of the first frame's file"
    elif len(firsts) > 1:
        yield "first:  # number of the first frame's file; look whether frame and map of one moment stand together"
        yield from (f"  {part}: {number}" for part, number in one.first.items())


def _rates(one: SetFound) -> Iterator[str]:
    if one.listed_rates:
        yield "# the lists have frames and rates, so there is no fps"
    elif set(one.rates) == {""}:
        yield f"fps: {one.rates['']:.9g}{_doubt(one, 'fps')}"
    else:
        yield f"fps:{_doubt(one, 'fps')}"
        yield from (f"  {_quoted(name)}: {rate:.9g}" for name, rate in one.rates.items())


def _doubt(one: SetFound, what: str) -> str:
    """A comment on what is not sure."""
    guess = next((g for g in one.guesses if g.what == what and g.sure not in ("sure", "")), None)
    return f"  # {guess.sure.upper()}: {guess.why}" if guess else ""


def _quoted(text: str) -> str:
    """Text as YAML reads it back; plain where that is safe."""
    plain = text.replace("-", "").replace("_", "").isalnum() and text[0].isalpha()
    reserved = text.lower() in ("true", "false", "yes", "no", "on", "off", "null", "y", "n")
    return text if plain and text.isascii() and not reserved else json.dumps(text, ensure_ascii=False)

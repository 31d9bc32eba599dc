"""How a tree seems to share out its videos: folders of parts, lists, or nothing at all."""

from __future__ import annotations

import re
from pathlib import Path

from avsal_bench.data.describing.clusters import PARTS, part_of
from avsal_bench.data.describing.told import SetFound
from avsal_bench.data.describing.tree_files import Files
from avsal_bench.data.layouts.lists import read_fold_list
from avsal_bench.strays import same_name

#: Part of the videos that is tested where nothing says which.
FRACTION = 0.2
#: Words for the part that chooses the checkpoint, where another one is tested.
VALIDATION = ("val", "valid", "validation")
#: A larger text is no list.
MOST_BYTES = 1_000_000


def find_split(root: Path, one: SetFound, files: Files, several: bool) -> None:
    """Find how the videos of a set are shared out.

    Args:
        root: of the tree.
        one: the set.
        files: of the tree.
        several: whether other sets lie there too; then the lists of this one bear its name.
    """
    if len(one.names) == 1:
        one.missing.append("a second video")
        one.say("split", "", "not found", "there is one video, and one to train on and one to test are needed")
        return
    maps = one.chosen.get("maps") or one.chosen.get("fixations")
    parts = maps.parts if maps else set()
    train = next((part for part in sorted(parts) if part_of(part) == "train"), "")
    tests = [part for word in PARTS["test"] for part in sorted(parts) if part.lower() == word]
    if train and tests:
        one.split = {"folders": {"train": train, "test": tests[0]}}
        val = "" if tests[0].lower() in VALIDATION else next((p for p in tests[1:] if p.lower() in VALIDATION), "")
        one.split |= {"validation": val} if val else {}
        others = ", ".join(sorted(parts - {train, tests[0], val}))
        why = f"folders of parts; {others} is not used" if others else "folders of parts"
        why += f"; {val} chooses the checkpoint" if val else ""
        one.say("split", f"folders {train} and {tests[0]}", "likely" if others else "sure", why)
        return
    for pattern, folds, timed, val in _lists(root, one, files):
        if several and one.name not in pattern:
            continue
        one.split, one.listed_rates = {"lists": pattern, **({"validation": val} if val else {})}, timed
        said = "name, frames and rate a line" if timed else "a name a line"
        said += f"; those of {val} choose the checkpoint" if val else ""
        one.say("split", pattern, "sure", f"lists of {'three folds' if folds else 'one split'}, {said}")
        return
    one.split = {"fraction": FRACTION, "seed": 0}
    one.say(
        "split", f"fraction {FRACTION}", "a guess", "nothing says who is tested: a draw by name, which you may change"
    )


def _lists(root: Path, one: SetFound, files: Files) -> list[tuple[str, bool, bool, str]]:
    """Patterns of pairs of lists that name videos of a set: whether of three folds, and with frames and rates, and what
    stands for the part in the name of a list of validation, "" where there is none."""
    names = {same_name(name) for name in one.names}
    read: dict[str, bool] = {}
    for single in files.singles:
        path = root / single.file
        if single.kind != "text" or path.stat().st_size > MOST_BYTES:
            continue
        for timed in (True, False):
            try:
                listed = read_fold_list(path, names_alone=not timed)
            except (ValueError, OSError):
                continue
            if {same_name(video.name) for video in listed} <= names:
                read[single.file] = timed
                break
    found = []
    for file, timed in sorted(read.items()):
        if "train" not in file or read.get(file.replace("train", "test")) != timed:
            continue
        pattern = file.replace("train", "{part}")
        val = next((word for word in VALIDATION if read.get(file.replace("train", word)) == timed), "")
        if fold := re.search(r"(?<!\d)1(?!\d)", Path(file).name):
            at = len(file) - len(Path(file).name) + fold.start()
            each = [file[:at] + str(k) + file[at + 1 :] for k in (1, 2, 3)]
            if all(name in read and name.replace("train", "test") in read for name in each):
                at = file[:at].replace("train", "{part}").__len__()
                val = val if all(name.replace("train", val) in read for name in each) else ""
                found.append((pattern[:at] + "{fold}" + pattern[at + 1 :], True, timed, val))
                continue
        found.append((pattern, False, timed, val))
    return sorted(found, key=lambda one: not one[1])

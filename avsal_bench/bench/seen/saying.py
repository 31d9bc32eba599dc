"""Words that say what something was trained on, such as ``dhf1k/train`` and ``six/train/1``."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import NamedTuple

from avsal_bench.data.dataset import SIX, list_datasets, resolve_name
from avsal_bench.names import plain_name

#: Collections that weights were trained on and that are no data sets here: none has maps of where people look.
OUTSIDE = (
    *("ava", "audioset", "flickr", "imagenet", "instagram", "kinetics400"),
    *("speech_commands_v0.01", "speech_commands_v0.02", "vggsound"),
)
#: What nobody says.
UNKNOWN = "unknown"
#: What a user says of maps that nothing was trained for.
NOTHING = "nothing"
#: What stands before a name that no set here has, on purpose.
OTHER = "other:"
PARTS = ("train", "val", "test")


class Said(NamedTuple):
    """A set that something was trained on; part and fold are "" and 0 where they are not said."""

    dataset: str
    part: str = ""
    fold: int = 0


def said_sets(words: Sequence[str]) -> list[Said]:
    """The sets that words name, ``six`` as six of them; collections from elsewhere are none.

    >>> said_sets(["kinetics400", "dhf1k/train"]), len(said_sets(["six/train/1"]))
    ([Said(dataset='dhf1k', part='train', fold=0)], 6)
    """
    found = []
    for word in words:
        name, _, rest = word.partition("/")
        part, _, fold = rest.partition("/")
        if name not in (*OUTSIDE, UNKNOWN) and not word.startswith(OTHER):
            found += [Said(one, part, int(fold or 0)) for one in (SIX if name == "six" else (name,))]
    return found


def asked_words(text: str, fold: int) -> tuple[str, ...]:
    """Words of ``--trained-on``, checked; a set without a part means its training part of the fold that is tested.

    Args:
        text: names with commas between them: sets, ``six``, collections of ``OUTSIDE``, ``other:<name>``, ``unknown``,
            or ``nothing`` alone. A set may have a part, and a fold: ``avad/train/2``.
        fold: that is tested.

    Raises:
        ValueError: for a name that no set has, naming the nearest one, and a part or fold that there is not.

    >>> asked_words("AVAD,kinetics400", 2)
    ('avad/train/2', 'kinetics400')
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words:
        raise ValueError("--trained-on is empty; name sets, such as diem,avad, or say nothing, or unknown")
    if NOTHING in words:
        if len(words) > 1:
            raise ValueError(f"--trained-on {text}: nothing, and something else; leave one of them out")
        return ()
    return tuple(_checked(word, fold) for word in words)


def _checked(word: str, fold: int) -> str:
    if word.startswith(OTHER):
        plain_name("--trained-on other:", word.removeprefix(OTHER))
        return word
    name, *rest = word.split("/")
    if name.lower() in (*OUTSIDE, UNKNOWN) and not rest:
        return name.lower()
    part, number = (*rest, "", "")[:2] if len(rest) <= 2 else ("?", "")
    if (part and part not in PARTS) or not (number == "" or number in map(str, range(1, 100))):
        raise ValueError(f"--trained-on {word}: expected <set>, <set>/train or <set>/train/<fold>, with a fold from 1")
    if name.lower() != "six":
        name = _known(name)
    return f"{name.lower()}/{part or 'train'}/{number or fold}"


def _known(name: str) -> str:
    try:
        return resolve_name(name)
    except ValueError:
        near = get_close_matches(name.lower(), [*list_datasets(), "six", *OUTSIDE], 1, 0.75)
        meant = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(
            f"--trained-on {name}: no data set here{meant}; of a set that is none, say {OTHER}{name}"
        ) from None

"""Names for people in the place of those of files: of papers, and of sets that something was trained on."""

from __future__ import annotations

import re
from collections.abc import Iterable

from avsal_bench.catalogue.card.licence_ids import UNSTATED
from avsal_bench.leaderboard.known_facts import FactTable

#: What looks like the key of a paper, such as ``stavis2020`` or ``vinetv2_2025``.
_KEY = re.compile(r"\b[a-z]\w*?_?(?:19|20)\d\d[a-z]?\b")
#: Sets that have no file here, as encoders are trained on them.
_OTHER_SETS = {
    "audioset": "AudioSet",
    "ava": "AVA",
    "flickr": "Flickr videos",
    "imagenet": "ImageNet",
    "instagram": "Instagram pictures",
    "kinetics400": "Kinetics-400",
    "six": "the six audio-visual sets",
    "vggsound": "VGGSound",
}
_PARTS = {"train": "training part", "val": "validation part", "test": "test part"}


def with_papers(text: str, table: FactTable) -> str:
    """A text with authors and years in the place of keys of papers.

    >>> from avsal_bench.leaderboard.known_facts import facts
    >>> with_papers("STAViS (stavis2020, CVPR 2020)", facts())
    'STAViS (Tsiami et al. 2020, CVPR 2020)'
    """

    def said(found: re.Match[str]) -> str:
        paper = table.paper(found[0])
        return paper.cited if paper else found[0]

    return _KEY.sub(said, text)


def set_words(name: str, table: FactTable) -> str:
    """A set by its name for people.

    >>> from avsal_bench.leaderboard.known_facts import facts
    >>> set_words("dhf1k", facts()), set_words("kinetics400", facts())
    ('DHF1K', 'Kinetics-400')
    """
    return _OTHER_SETS.get(name) or table.dataset(name).title


def learnt_words(parts: Iterable[str], table: FactTable) -> str:
    """What weights were trained on, as their authors say it.

    Args:
        parts: such as ``dhf1k/train`` or ``six/train/1``, as
            :class:`~avsal_bench.models.published_weights.WeightsFile` has them.

    >>> from avsal_bench.leaderboard.known_facts import facts
    >>> learnt_words(["kinetics400", "six/train/1", "unknown"], facts())
    'Kinetics-400; the six audio-visual sets, training part, fold 1; and what they do not name'
    """
    found = []
    for learnt in parts:
        name, _, rest = learnt.partition("/")
        part, _, fold = rest.partition("/")
        words = [set_words(name, table), _PARTS.get(part, part), f"fold {fold}" if fold else ""]
        found.append("and what they do not name" if learnt == UNSTATED else ", ".join(filter(None, words)))
    return "; ".join(found) if found != ["and what they do not name"] else "they do not say"

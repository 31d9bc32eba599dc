"""What scores are made of: the ground truth, what is read beside it, the rules, and the libraries that decide a number.

Whether something that is kept may be used is decided by :mod:`avsal_bench.kept`, from what is told here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from avsal_bench import files, names
from avsal_bench.data import painting
from avsal_bench.data.contents_of import Part, contents_of, line_of
from avsal_bench.data.dataset import Video
from avsal_bench.data.files.readers.video_reader import other_decoders
from avsal_bench.evaluation import picture
from avsal_bench.evaluation.protocol import Protocol
from avsal_bench.files import fingerprint
from avsal_bench.kept import Contents, MadeOf, code_of, versions_of
from avsal_bench.metrics.further import further_metric
from avsal_bench.timing import stopwatch

#: Modules that decide no number.
DECIDE_NOTHING = (files, names, painting, picture, stopwatch)
#: Libraries that decide what is read, and what is computed.
_READERS = ("pillow", "torchvision", "torchaudio", "scipy", "soundfile", "av")
COMPUTE = ("torch", "numpy")


def readers() -> tuple[str, ...]:
    """Libraries that decide what is read."""
    return (*_READERS, *other_decoders())


@dataclass(frozen=True)
class Made:
    """What a test is made of.

    Args:
        whole: all of it, for the record.
        videos: what the result of each single video is made of, by its name.
    """

    whole: MadeOf
    videos: Mapping[str, MadeOf]


def of_videos(
    contents: Contents, videos: Sequence[Video], rules: Protocol, parts: Iterable[Part], common: MadeOf
) -> Made:
    """What scores of some videos under a protocol are made of.

    Args:
        contents: what is known of the files of the data.
        videos: the test list.
        rules: the protocol.
        parts: that are read beside the ground truth.
        common: to all videos.

    Raises:
        FileNotFoundError: naming a missing file.
        ValueError: naming what is no regular file.
    """
    found = dict(contents_of(contents, videos, ("maps", "fixations", "labels", *parts)))
    truth = {
        "ground truth": [fingerprint(pair) for pair in zip(found.pop("maps"), found.pop("fixations"), strict=True)]
    }
    columns: dict[str, list[str]] = {
        "list": [fingerprint(line_of(video)) for video in videos],
        **truth,
        **{str(part): digests for part, digests in found.items()},
    }
    common = {**common, "protocol": fingerprint(repr(rules)), **versions_of(*COMPUTE, *readers())}
    if rules.formulas != "mit":  # not in the repr, as before there were others
        common["formulas"] = rules.formulas
    if rules.metrics:
        common["metrics"] = fingerprint([(name, further_metric(name).compared) for name in rules.metrics])
    if outside := rules.outside():  # the package's own are in every code of a test
        common["protocol: code"] = code_of(*outside)
    if rules.negatives == "dataset":  # drawn from the whole list, in its order
        common["negatives"] = fingerprint([columns["list"], columns["ground truth"]])
    of_each = {
        video.name: {**common, **{part: column[i] for part, column in columns.items()}}
        for i, video in enumerate(videos)
    }
    # The order of a list moves no score of a video, and no mean of them.
    whole = {part: fingerprint(sorted(column)) for part, column in columns.items()}
    return Made({**common, **whole}, of_each)

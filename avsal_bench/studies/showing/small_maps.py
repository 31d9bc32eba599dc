"""Maps of some frames of a record's network, small, kept below the runs, so that a grid that was stopped goes on.

They are of 8 bits, as are maps that a test keeps, whether they were made a moment ago or are read again. They lie under
the fingerprint of all that they were made of, so maps of other weights, data or code are never taken for them.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from avsal_bench.bench.made_of import of_test
from avsal_bench.bench.stages import test_folder
from avsal_bench.data.dataset import Video
from avsal_bench.evaluation.map_films import to_range_one
from avsal_bench.evaluation.maps import read_map
from avsal_bench.evaluation.pairing import find_maps
from avsal_bench.files import fingerprint, regular_file, whole_file
from avsal_bench.records import video_from_json
from avsal_bench.studies.showing.recorded_network import Recorded

#: (height, width) at which maps of several networks are compared and drawn.
SIZE = (144, 256)
#: Folder below the runs; it may be removed at any time.
FOLDER = "shown"
#: Bytes of a file of kept maps that are read at all.
MOST = 2**28


class SmallMaps:
    """Maps of the network of a record, at ``SIZE``, each from 0 to 1 in steps of 1/255.

    Args:
        one: the record and its network.
    """

    def __init__(self, one: Recorded) -> None:
        self.one = one

    def of(self, video: Video, frames: Sequence[int]) -> dict[int, Tensor]:
        """Maps ``(h, w)`` of some frames of a video, by number; those that nobody kept are predicted, and kept.

        Raises:
            ValueError, OSError: as :func:`~avsal_bench.prediction.predicting.predict_maps`, and for a folder of runs
                that cannot be written.
        """
        path = self._place(video)
        found = _read(path)
        if missing := sorted(set(frames) - found.keys()):
            found |= dict(self._made(video, missing))
            with whole_file(path) as temporary, temporary.open("wb") as file:
                arrays: dict[str, Any] = {str(number): found[number].numpy() for number in sorted(found)}
                np.savez(file, **arrays)
        return {number: found[number].float() / 255 for number in frames}

    def _made(self, video: Video, frames: Sequence[int]) -> Iterator[tuple[int, Tensor]]:
        kept = kept_maps(self.one, video)
        maps: Iterable[tuple[Sequence[int], Tensor]]
        if kept.keys() >= set(frames):
            maps = (([n], read_map(kept[n], n)[None]) for n in frames)
        else:
            maps = self.one.maps(video, frames)
        for numbers, of_some in maps:
            for number, saliency in zip(numbers, of_some, strict=True):
                small = F.interpolate(saliency[None, None].float().cpu(), SIZE, mode="bilinear", antialias=True)
                yield number, to_range_one(small[0, 0]).mul(255).round().to(torch.uint8)

    def _place(self, video: Video) -> Path:
        told = {"weights": self.one.predictor.sha256, "precision": self.one.running.precision, "size": SIZE}
        made = fingerprint({**self._made_of[video.name], **told, "video": video.key})
        return self.one.context.space.runs / FOLDER / f"{made[:24]}.npz"

    @cached_property
    def _made_of(self) -> Mapping[str, Mapping[str, object]]:
        context = self.one.context
        return of_test(context.job, context.recipe, context.space, self.one.record.dataset, "original").videos


def kept_maps(one: Recorded, video: Video) -> dict[int, Path]:
    """Files of the maps that the test of a record kept of a video, by frame.

    Empty where it kept none, and where the scores beside them are not those of the record: the maps are of something
    else then.
    """
    context = one.context
    folder = test_folder(context.job, context.recipe, context.space, video.dataset, "original")
    if not (folder / "maps").is_dir():
        return {}
    told = {v.video: v.scores for v in one.record.videos}.get(video.name)
    try:
        beside = json.loads((folder / f"{video.name}.json").read_text(encoding="utf-8"))
        same = told is not None and video_from_json(beside["video"]).scores == told
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    return dict(find_maps(folder / "maps", video).files) if same else {}


def _read(path: Path) -> dict[int, Tensor]:
    """Kept maps by frame; none where there is no such file, or it is damaged."""
    try:
        with np.load(regular_file(path, MOST), allow_pickle=False) as found:
            maps = {int(name): found[name] for name in found.files}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError):
        return {}
    return {n: torch.from_numpy(m) for n, m in maps.items() if m.shape == SIZE and m.dtype == np.uint8}

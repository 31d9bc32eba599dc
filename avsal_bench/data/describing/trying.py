"""A description is tried before it is written: what it says must be read back, and give videos."""

from __future__ import annotations

import tempfile
from pathlib import Path

from avsal_bench.data.dataset import DataSet
from avsal_bench.data.layouts.described import described_sets
from avsal_bench.data.layouts.patterns import FILE
from avsal_bench.text import many


def counts(root: Path, text: str) -> str:
    """How many videos and frames each set of a description trains and tests, in words.

    Args:
        root: the data root.
        text: of its ``dataset.yaml``.

    Raises:
        ValueError, FileNotFoundError: for a description that does not fit the files; naming its line.
    """
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / FILE).write_text(text, encoding="utf-8")
        try:
            sets = described_sets(Path(folder))
            return "\n".join(_count(root, one) for one in sets.values())
        except (ValueError, FileNotFoundError) as error:
            said = str(error).replace(f"{Path(folder).absolute()}/", "")
            raise ValueError(f"{said}; what would be written does not fit the files: write {FILE} by hand") from error


def _count(root: Path, one: DataSet) -> str:
    what = "image" if one.stills else "video"
    told = []
    for fold in one.fold_numbers:
        videos = {part: one.videos(root, part, fold) for part in one.parts}
        train, test = videos["train"], videos["test"]
        validated = f", {many(len(videos['val']), '', 'choose the checkpoint')}" if one.validation else ""
        frames = "" if one.stills else f", {many(sum(v.n_frames for part in videos.values() for v in part), 'frame')}"
        which = f"fold {fold}: " if one.folds else ""
        told.append(f"{which}{many(len(train), what, 'train')}{validated}, {many(len(test), '', 'are')} tested{frames}")
    return f"{one.name}  {'; '.join(told)}"

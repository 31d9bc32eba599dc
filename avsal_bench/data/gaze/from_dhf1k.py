"""DHF1K from its raw gaze: fixation maps, density maps and the gaze of each viewer, in the layout as published.

The rules are in :mod:`avsal_bench.data.gaze.dhf1k_maps`. Raw files are named ``P<viewer>_Trail<video>.txt``, with any
number of digits, and may lie in any folders below the source::

    exportdata_train/P01/P01_Trail002.txt       as the authors hand them out
    gaze_record/P001/P001_Trail0002.txt         as the authors' script expects them

and what is written is what :func:`~avsal_bench.data.layouts.dhf1k_layouts.dhf1k_layout` reads::

    <root>/DHF1K/annotation/%04d/maps/%04d.png
    <root>/DHF1K/annotation/%04d/fixation/%04d.png
    <root>/DHF1K/annotation/%04d/observers.csv
    <root>/DHF1K/annotation/%04d/converted.json     of what and how they were made
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from avsal_bench.data.gaze.dhf1k_maps import Form, Viewer, check_form, density_map, fixation_map, gaze_of, read_viewer
from avsal_bench.data.gaze.dhf1k_plans import STORY, Plan, check_free, numbered_in, plans_of, raw_files, story_of
from avsal_bench.data.gaze.samples import FILE_NAME, format_gaze
from avsal_bench.data.gaze.text_files import MOST_BYTES, some
from avsal_bench.files import fingerprint, regular_file, sha256, whole_file, write_atomically
from avsal_bench.progress import progress
from avsal_bench.text import many
from avsal_bench.workers import Workers

#: Seconds by which a file may end before the video or after it without a word.
SLACK = 3.0


@dataclass(frozen=True)
class Made:
    """What came of one video: files written, raw files of an odd length, and without a point on it, or an error."""

    written: tuple[Path, ...]
    odd: tuple[str, ...] = ()
    blank: tuple[str, ...] = ()
    error: str = ""


def convert_dhf1k(
    source: Path,
    root: Path,
    *,
    form: Form = "pairs",
    size: tuple[int, int] | None = None,
    gaze_only: bool = False,
    workers: Workers | None = None,
) -> list[Path]:
    """Write fixation maps, density maps and the gaze of single viewers from DHF1K's raw gaze.

    Number of frames, frame rate and size of a video are those of its file in ``<root>/DHF1K/video``; where it is not
    there, frames and rate are those of the fold lists, and the size is 640 x 360, which a warning says. Files that are
    there and say the same stay; a run that was broken off goes on where it stopped. Maps that something else wrote,
    such as the authors' own, are never replaced. A video whose raw files are damaged is left out, and named at the end.

    Args:
        source: folder with raw files, of one video or of many.
        root: the data root.
        form: ``pairs``, each sample on its pixel; or ``as_published``, as the authors' script sets them.
        size: height and width of videos without a file.
        gaze_only: write ``observers.csv`` only.
        workers: processes; None for this one.

    Returns:
        The files that were written.

    Raises:
        FileNotFoundError: when ``source`` has no raw file, or there is no root.
        ValueError: for maps of somebody else in the place of those to write, before anything is written; and, after all
            other videos, naming the first damaged file.
    """
    check_form(form)
    if not root.is_dir():
        raise FileNotFoundError(f"dhf1k: no data root {root}; make the folder, or set AVSAL_DATA or --data-root")
    plans = plans_of(root, raw_files(source), form, size, gaze_only)
    for plan in plans:
        check_free(plan)
    with progress("DHF1K from raw gaze", sum(plan.n_frames for plan in plans)) as bar:
        if workers is None or workers.count < 2 or len(plans) == 1:
            made = [_convert(plan, partial(bar.advance, note=plan.name)) for plan in plans]
        else:
            made = []
            for at, one in workers.run(_convert, plans):
                made.append(one)
                bar.advance(plans[at].n_frames, plans[at].name)
    if odd := sorted(text for one in made for text in one.odd):
        warnings.warn(
            f"{many(len(odd), 'raw file')} with an end over {SLACK:g} s before or after the video's: {some(odd)}; "
            "gaze of another video, or broken off?",
            stacklevel=2,
        )
    if blank := sorted(text for one in made for text in one.blank):
        warnings.warn(f"{many(len(blank), 'raw file')} without a fixation on the video: {some(blank)}", stacklevel=2)
    if errors := [one.error for one in made if one.error]:
        left = f"; in all {len(errors)} of {many(len(plans), 'video')} were not converted" if len(plans) > 1 else ""
        raise ValueError(f"{errors[0]}{left}")
    return sorted(path for one in made for path in one.written)


def _convert(plan: Plan, advance: Callable[[int], None] = lambda frames: None) -> Made:
    """Convert one video; a damaged raw file is told, so that the other videos go on."""
    try:
        return _written(plan, advance)
    except (ValueError, FileNotFoundError, PermissionError) as error:
        return Made((), error=str(error))


def _written(plan: Plan, advance: Callable[[int], None]) -> Made:
    wanted = {
        "form": plan.form,
        "frames": plan.n_frames,
        "rate": plan.rate,
        "size": list(plan.size),
        "raw": fingerprint(
            {viewer: sha256(regular_file(path, MOST_BYTES, links=True)) for viewer, path in plan.files.items()}
        ),
    }
    told = story_of(plan.folder)
    stays = {key: told.get(key) for key in wanted} == wanted
    if not plan.gaze_only and stays and told.get("whole") and _whole(plan):
        advance(plan.n_frames)
        return Made(())
    viewers = [read_viewer(path, viewer, plan.n_frames, plan.size, plan.rate) for viewer, path in plan.files.items()]
    blank = tuple(str(plan.files[viewer.name]) for viewer in viewers if not len(viewer.frame))
    if len(blank) == len(viewers):
        raise ValueError(
            f"{blank[0]}: no fixation of {many(len(viewers), 'raw file')} of video {plan.name} lies in its "
            f"{many(plan.n_frames, 'frame')} of {plan.size[1]} x {plan.size[0]} pixels; is it gaze of another video?"
        )
    if plan.gaze_only:
        written = _write_gaze(plan, viewers)
        advance(plan.n_frames)
    else:
        written = [*_write_maps(plan, viewers, wanted, stays, advance), *_write_gaze(plan, viewers)]
        write_atomically(plan.folder / STORY, json.dumps({**wanted, "whole": True}, indent=1) + "\n")
    seconds = plan.n_frames / plan.rate
    odd = (f"{plan.files[v.name]} ({v.seconds:.1f} of {seconds:.1f} s)" for v in viewers)
    far = (abs(viewer.seconds - seconds) > SLACK for viewer in viewers)
    return Made(tuple(written), tuple(text for text, is_far in zip(odd, far, strict=True) if is_far), blank)


def _maps(plan: Plan, frame: int) -> tuple[Path, Path]:
    """The files of fixation and density map of a frame."""
    return plan.folder / "fixation" / f"{frame:04d}.png", plan.folder / "maps" / f"{frame:04d}.png"


def _whole(plan: Plan) -> bool:
    frames = range(1, plan.n_frames + 1)
    return (plan.folder / FILE_NAME).is_file() and all(p.is_file() for n in frames for p in _maps(plan, n))


def _write_maps(
    plan: Plan, viewers: Sequence[Viewer], wanted: Mapping[str, object], stays: bool, advance: Callable[[int], None]
) -> list[Path]:
    if not stays:  # of another form, or of other raw files: none of them may be taken for one of these
        for part in ("fixation", "maps"):
            for path in numbered_in(plan.folder / part):
                path.unlink()
        write_atomically(plan.folder / STORY, json.dumps({**wanted, "whole": False}, indent=1) + "\n")
    written = []
    for frame in range(1, plan.n_frames + 1):
        advance(1)
        points, density = _maps(plan, frame)
        if points.is_file() and density.is_file():
            continue
        fixated = fixation_map(viewers, frame, plan.size, plan.form)
        todo = [(points, fixated * np.uint8(255)), (density, density_map(fixated, plan.form))]
        for path, levels in (pair for pair in todo if not pair[0].is_file()):
            with whole_file(path) as temporary:
                Image.fromarray(levels).save(temporary, format="png")
            written.append(path)
    return written


def _write_gaze(plan: Plan, viewers: Sequence[Viewer]) -> list[Path]:
    gaze = gaze_of(viewers)
    scale = plan.gaze_size[1] / plan.size[1], plan.gaze_size[0] / plan.size[0]
    if scale != (1, 1):
        gaze = replace(gaze, x=gaze.x * scale[0], y=gaze.y * scale[1])
    path, text = plan.folder / FILE_NAME, format_gaze(gaze, plan.name)
    if path.is_file() and path.read_bytes() == text.encode():
        return []
    write_atomically(path, text)
    return [path]

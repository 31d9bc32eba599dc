"""``evaluate``: the scores of a network, a function or maps on the test list of a data set, as a record."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import get_args

from avsal_bench.api.folder_of_maps import FolderOfMaps
from avsal_bench.api.maps_of import Some
from avsal_bench.api.sources_of_maps import Evaluated, Settings, Source, source_of
from avsal_bench.bench.provenance import provenance
from avsal_bench.bench.results import make_record
from avsal_bench.bench.seen.saying import asked_words
from avsal_bench.bench.seen.trained_on import said
from avsal_bench.bench.workspace import Workspace, workspace
from avsal_bench.data.dataset import DataSet, Video, resolve_name
from avsal_bench.data.dataset import dataset as described
from avsal_bench.data.files.presence import check_truth
from avsal_bench.data.labels import story_of_labels
from avsal_bench.data.layouts.lists import story_of_lists
from avsal_bench.evaluation.protocol import Protocol
from avsal_bench.evaluation.protocol import protocol as rules_of
from avsal_bench.evaluation.score import VideoScorer
from avsal_bench.evaluation.truth import Truth
from avsal_bench.names import plain_label, plain_name
from avsal_bench.prediction.predicting import Running
from avsal_bench.progress import progress as progress_bar
from avsal_bench.progress import silence
from avsal_bench.records import MAPS_PRESET, Record, VideoScores
from avsal_bench.spec import Modality
from avsal_bench.typed import MOST_FOLDS


def evaluate(
    maps: Evaluated,
    dataset: str,
    protocol: str = "stavis",
    *,
    fold: int = 1,
    name: str = "",
    modality: str = "",
    data_root: str | os.PathLike[str] | None = None,
    frames: int = 1,
    allow_missing: bool = False,
    any_shape: bool = False,
    first: int = 1,
    batch_size: int | None = None,
    device: str = "auto",
    workers: int = 0,
    precision: str = "32-true",
    progress: bool = False,
    trained_on: str | None = None,
) -> Record:
    """Score saliency maps on the test videos of a data set, with the numbers that ``avsal evaluate`` gives.

    Nothing is written to the disk, unless you write the record.

    >>> import numpy as np, avsal_bench
    >>> def brightness(frame):  # (h, w, 3) uint8 RGB
    ...     return frame.mean(axis=2)
    >>> record = avsal_bench.evaluate(brightness, "synth")  # doctest: +SKIP
    >>> print(record.scores["CC"], record.videos[0].scores["NSS"])  # doctest: +SKIP
    >>> avsal_bench.write_record("record.json", record)  # doctest: +SKIP

    Args:
        maps: what gives the maps, one of

            - a network, any ``nn.Module`` with a spec, or a ``SaliencyModule``; the name of a baseline or of a network
              whose published weights were imported; the path of a checkpoint. A baseline that is made of training maps,
              such as ``mep``, is shown those of the fold first;
            - a function ``frame -> map``: it is called with each frame, an array ``(h, w, 3)`` uint8 RGB, and gives a
              map ``(h, w)`` of any size, floating and not negative, or uint8. With ``frames=T`` it is called with
              ``(T, h, w, 3)``, the T frames that end at the one to predict (at the start of a video the clip that
              begins there, backwards, as for networks);
            - a folder of maps, in any layout that ``avsal evaluate --pred`` takes;
            - a mapping from the names of the test videos to arrays ``(n_frames, h, w)``.
        dataset: name of the data set; see :func:`avsal_bench.list_datasets`.
        protocol: how maps become scores: ``stavis``, or another of ``avsal protocols``.
        fold: which test list, from 1; most sets have three.
        name: of the network in the record, of letters, digits and ``. _ + -``; by default that of ``maps``.
        modality: ``v``, ``av`` or ``a`` in the record; by default that of a network, and "" where it is not known.
        data_root: folder of the data set; by default ``AVSAL_DATA``, and for ``synth`` a folder that is made.
        frames: that a function is called with.
        allow_missing: of a folder, score the maps that are there; the record says how many lack.
        any_shape: of a folder, score maps that do not have the shape of their ground truth, stretched.
        first: of a folder, number of the file of the first frame.
        batch_size: of a network, windows that are predicted at a time; None for as many as pay on the device.
        device: of a network: ``auto`` (a GPU where there is one), ``cpu``, ``cuda`` or ``cuda:<n>``.
        workers: processes that read (a network) or score (a folder); 0 does all in this one.
        precision: of a network: ``32-true``, or on a GPU ``bf16`` or ``fp16``; ``bf16`` also on a CPU with AMX or
            AVX512-BF16. The record says it, and is of another row than one in float32.
        progress: show bars, on stderr.
        trained_on: what gives the maps was trained on, as ``avsal evaluate --trained-on`` has it: ``"dhf1k,avad"`` or
            ``"nothing"``. By default it is known of a checkpoint of a training here, of published weights and of a
            baseline, and of nothing else.

    Returns:
        The record: ``record.scores`` by metric, and for each of ``record.videos`` the same; a score is NaN where no
        frame defines it. :func:`avsal_bench.load_records` makes tables of records.

    Raises:
        ValueError: for an unknown data set, protocol or network (it suggests the nearest one), a map that does not fit
            (it names the video and the frame), and a folder that lacks maps.
        FileNotFoundError: for a data set without a root, and for files that are missing.
        TypeError: for what can give no maps, and for maps of integers other than uint8.
    """
    if name:
        plain_name("name", name)
    if modality not in ("", *get_args(Modality)):
        raise ValueError(f'modality: expected v, av, a or "", got {modality!r}')
    running = Running(batch_size, device, workers, precision)
    rules = rules_of(protocol)
    if fold not in range(1, MOST_FOLDS + 1):
        raise ValueError(f"fold: expected a whole number from 1 to {MOST_FOLDS}, got {fold!r}")
    if not isinstance(frames, int) or frames < 1:
        raise ValueError(f"frames: expected a whole number from 1, got {frames!r}")
    words = None if trained_on is None else asked_words(trained_on, fold)
    # The last of all checks, as it may make the embedded set.
    space, described_as = find_set(dataset, data_root, fold)
    dataset = described_as.name
    root = space.root_of(dataset)
    videos = described_as.videos(root, "test", fold)
    for video in videos:
        check_truth(video)
    began = time.monotonic()
    story = provenance() | {"command": f"python: evaluate(..., {dataset!r}, {protocol!r}, fold={fold})"}
    with silence(not progress):
        if isinstance(maps, str | os.PathLike) and Path(maps).is_dir():
            known: list[Video] = []
            with suppress(FileNotFoundError):  # a root to test on may have no training lists
                known = [v for part in described_as.learnt_parts for v in described_as.videos(root, part, fold)]
            folder = FolderOfMaps(Path(maps), first, allow_missing, any_shape, workers)
            _check_network(running)
            scores, more = folder.scores(videos, known, rules)
            source = Source(plain_label(Path(maps).resolve().name), "", None)
        else:
            source = source_of(maps, videos, frames, rules, Settings(space, dataset, fold, running))
            more = {}
            if source.precision:
                more["precision"] = source.precision
            else:
                _check_network(running)
            scores = _score(source.maps, videos, rules)  # type: ignore[arg-type]
    more["trained_on"] = source.trained_on if words is None else said(words, dataset, fold, space)
    story |= story_of_lists(root, described_as, fold) | story_of_labels(videos)
    story |= {"fits": [], "test_seconds": round(time.monotonic() - began, 1), **more}
    return make_record(
        scores,
        rules,
        story,
        model=name or source.name,
        modality=modality or source.modality,
        dataset=dataset,
        fold=fold,
        preset=MAPS_PRESET,
        parameters=source.parameters,
        weights={"file": source.weights, "sha256": source.sha256},
    )


def data_root(dataset: str, root: str | os.PathLike[str] | None = None) -> Path:
    """The folder that a data set is read from, as commands find it; ``synth`` is made where it is not there.

    Args:
        dataset: name of the set.
        root: that is said to hold it; by default ``AVSAL_DATA``, and for ``synth`` a folder below ``AVSAL_HOME``.

    Raises:
        ValueError: for an unknown name; it suggests the nearest one.
        FileNotFoundError: where no root is known, or one that was named is not there.
    """
    space, found = find_set(dataset, root)
    return space.root_of(found.name)


def find_set(name: str, root: str | os.PathLike[str] | None, fold: int = 1) -> tuple[Workspace, DataSet]:
    """A data set, and the folders with its root among them; see :func:`data_root`."""
    if not isinstance(name, str):
        raise TypeError(f"dataset: expected the name of a data set, such as 'avad', got {name!r}")
    given = None if root is None else os.fspath(root)
    space = workspace(given)  # a data root may describe sets of its own
    found = described(resolve_name(name))
    found.check_fold(fold)
    if found.embedded:
        space = workspace(synth_root=given)
        if given is not None and not space.synth_root.is_dir():  # a slip of the pen makes no set of its own
            raise FileNotFoundError(
                f"data_root: no folder {given}; leave it out for the usual place of {name}, which is made where it is "
                f"not there, or make it with `avsal synth --synth-root {given}`"
            )
    elif space.data_root is None:
        raise FileNotFoundError(
            f"{name}: no data root; give data_root='/folder/of/the/sets', or set AVSAL_DATA, see `avsal data check`"
        )
    return space, found


def _check_network(running: Running) -> None:
    if running.precision != Running.precision:
        raise ValueError(
            f"precision: {running.precision} is for a network, and these maps are there already; leave it out"
        )


def _score(maps: Callable[[Video], Iterator[Some]], videos: list[Video], rules: Protocol) -> list[VideoScores]:
    scores = []
    with progress_bar("score the maps", sum(video.n_frames for video in videos)) as bar:
        for video in videos:
            scorer = VideoScorer(Truth(video, videos), rules)
            for numbers, some in maps(video):
                scorer.add(numbers, some)
                bar.advance(len(numbers), video.name)
            scores.append(scorer.result())
    return scores

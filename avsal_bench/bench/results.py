"""Every record is put together here, whatever gave its scores, and written with its gallery."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avsal_bench.bench.stages import test_folder
from avsal_bench.data.dataset import dataset as described
from avsal_bench.evaluation.picture import draw_gallery
from avsal_bench.evaluation.protocol import Protocol, protocol
from avsal_bench.leaderboard.by_frame.packed_scores import pack, scores_of_test
from avsal_bench.metrics.further import FurtherMetric, further_metric
from avsal_bench.record_story import nothing_known
from avsal_bench.records import MetricForm, Record, VideoScores, mean_scores, write_record
from avsal_bench.training.recipe import Recipe

if TYPE_CHECKING:  # it takes Lightning, and maps from elsewhere are scored without
    from avsal_bench.bench.context import Context, Place


def make_record(
    videos: list[VideoScores],
    rules: Protocol,
    story: dict[str, Any],
    *,
    model: str,
    modality: str,
    dataset: str,
    fold: int,
    preset: str,
    parameters: int | None,
    seed: int = 0,
    sound: str = "original",
    recipe: Recipe | None = None,
    weights: Mapping[str, Any] | None = None,
) -> Record:
    """A record: its means are those that the protocol asks for.

    Args:
        videos: scores, in the order of the test list.
        rules: the protocol that they were scored by.
        story: the record's ``provenance``; where it does not tell it, nobody knows what was trained on.
        model: name in tables, with its variant.
        modality: of the network.
        dataset: name of the set.
        fold: from 1.
        preset: of the recipe.
        parameters: of the network; None where nothing is known of it.
        seed: of the training.
        sound: that the network heard.
        recipe: None where there was none.
        weights: ``file`` and ``sha256``, and what else is known of them; None for a result without weights.
    """
    one = described(dataset)
    story = {"viewing": one.viewing, "trained_on": nothing_known()} | story
    return Record(
        model=model,
        modality=modality,
        dataset=dataset,
        fold=fold,
        seed=seed,
        protocol=rules.name,
        preset=preset,
        sound=sound,
        averaging=rules.averaging,
        scores=mean_scores(videos, rules.averaging),
        videos=videos,
        synthetic=one.embedded,
        recipe=recipe.plain() if recipe else {},
        weights={**(weights or {"file": None, "sha256": None}), "parameters": parameters},
        provenance=story,
        metrics={name: _form(further_metric(name)) for name in rules.metrics},
    )


def write_result(
    path: Path,
    videos: list[VideoScores],
    rules: Protocol,
    story: dict[str, Any],
    *,
    results: Path | None = None,
    gallery: bool = False,
    **options: Any,
) -> None:
    """Write a record, and beside it the scores of its frames.

    Args:
        path: of the record.
        videos: see :func:`make_record`, as all that follows but ``results`` and ``gallery``.
        rules: the protocol.
        story: the record's ``provenance``.
        results: folder in which the test left the scores of each video's frames, and their pictures; None for none.
        gallery: whether to draw these pictures as one beside the record.
        options: further arguments of :func:`make_record`.
    """
    frames = None if results is None else scores_of_test(videos, results)
    record = make_record(videos, rules, story | ({} if frames is None else pack(path, frames)), **options)
    if gallery and results is not None:
        draw_gallery(videos, results, path.with_suffix(".jpg"))
    write_record(path, record)


def _form(metric: FurtherMetric) -> MetricForm:
    return MetricForm(metric.higher_is_better, metric.low, metric.high, metric.digits)


def write_job_result(
    context: Context,
    place: Place,
    label: str,
    videos: list[VideoScores],
    story: dict[str, Any],
    parameters: int,
    weights: Mapping[str, Any] | None = None,
) -> None:
    """Write one record of a job, that of the true sound with its gallery.

    Args:
        context: of the job.
        place: of the record.
        label: name of the model in tables.
        videos: see :func:`write_result`, as all that follows.
        story: the record's ``provenance``.
        parameters: of the network.
        weights: of the network.
    """
    job, (name, sound, path) = context.job, place
    folder = test_folder(job, context.recipe, context.space, name, sound)
    write_result(
        path,
        videos,
        protocol(job.protocol),
        story,
        model=label,
        modality=job.modality,
        dataset=name,
        fold=job.fold,
        preset=context.recipe.preset,
        parameters=parameters,
        seed=job.seed,
        sound=sound,
        recipe=context.recipe,
        weights=weights,
        results=folder,
        gallery=sound == "original",
    )

"""What trainings and tests are made of: every part of data, recipe, weights and code that decides a number of theirs.

Whether something that is kept may be used is decided by :mod:`avsal_bench.kept`, from what is told here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from avsal_bench.bench.computing.silent_norms import SilentNorms
from avsal_bench.bench.job import Job
from avsal_bench.bench.stages import Training, hears, learns_labels, observed_sets, stage_options, trainings, weights_of
from avsal_bench.bench.workspace import Workspace
from avsal_bench.data.clips.datamodule import SaliencyDataModule
from avsal_bench.data.clips.sounds import partners
from avsal_bench.data.contents_of import Part, line_of, together
from avsal_bench.data.dataset import Video, dataset
from avsal_bench.data.teachers import taught_by
from avsal_bench.data.utterances.speech_commands import read_utterances
from avsal_bench.data.utterances.word_batches import WordDataModule
from avsal_bench.evaluation.contextual import PlacesHeard, has_regions
from avsal_bench.evaluation.protocol import protocol
from avsal_bench.evaluation.score_videos import ScoreVideos
from avsal_bench.evaluation.scores_of import COMPUTE, DECIDE_NOTHING, Made, of_videos, readers
from avsal_bench.files import fingerprint
from avsal_bench.kept import Files, MadeOf, code_of, differing, once, read_made_of, versions_of
from avsal_bench.models import Network, list_models, model_entry
from avsal_bench.models.weights.store import imported_source
from avsal_bench.spec import Sound
from avsal_bench.training.building import MODULES
from avsal_bench.training.losses import needs_fixations
from avsal_bench.training.module import SaliencyModule
from avsal_bench.training.recipe import Recipe

_HERE = Path(__file__).parent


def of_test(job: Job, recipe: Recipe, space: Workspace, name: str, sound: Sound) -> Made:
    """What a network's test on a data set is made of, its trainings included.

    Raises:
        FileNotFoundError, ValueError: as :func:`of_videos`.
    """
    options = stage_options(job, recipe)
    root = space.root_of(name)
    videos = dataset(name).videos(root, "test", job.fold)
    whole = replace(job, datasets=(), sounds=())
    stages = once(("trainings", whole, space.runs), lambda: trainings(job, recipe, space))
    heard = hears(options)
    common = {
        "recipe": fingerprint(recipe.plain()),
        "code": code_of(
            *(*networks_of(job.model, options), SaliencyModule, SaliencyDataModule, ScoreVideos),
            files=[_HERE / "jobs" / "testing.py"],
            without=DECIDE_NOTHING,
        ),
        **_weights(job, recipe, space, stages),
    }
    shown = () if stages or weights_of(job, recipe) else observed_sets(job, recipe, name)
    if shown:
        seen = [v for one in shown for v in dataset(one).videos(space.root_of(one), "train", job.fold)]
        common["training maps"] = together(space.contents, seen, "maps")
    made = of_videos(
        space.contents, videos, protocol(job.protocol), ("frames", "sound") if heard else ("frames",), common
    )
    if sound == "swapped":
        made = _swapped(made, videos)
    elif sound == "matched":
        made = _matched(made, videos)
    if sound != "original":
        made = _at_places(made, videos, root, space)
    trained = of_training(stages[-1], job, space) if stages else {}
    return Made({**made.whole, **trained}, made.videos)


def of_trained(job: Job, recipe: Recipe, space: Workspace, made: Made) -> dict[str, Any]:
    """What a record says of what it is made of: ``made_of``, and ``reused``, parts that were made by other code.

    Args:
        job: of the record.
        recipe: of the job.
        space: folders.
        made: what the test is made of, with stages as they would be trained now. They count as they were trained.
    """
    stages = trainings(job, recipe, space)
    kept = read_made_of(stages[-1].folder) if stages else None
    trained = {part: digest for part, digest in kept.items() if part in made.whole} if isinstance(kept, dict) else {}
    reused = differing(trained, {part: made.whole[part] for part in trained}) if trained else []
    return {"made_of": {**made.whole, **trained}} | ({"reused": reused} if reused else {})


def _swapped(made: Made, videos: Sequence[Video]) -> Made:
    """The same with the sound of each video's partner in the place of its own, by which the excerpt is found."""
    whose = partners(videos)
    of_each = {
        video.name: {
            **made.videos[video.name],
            "sound": fingerprint([made.videos[video.name]["sound"], made.videos[whose[video.key].name]["sound"]]),
        }
        if video.key in whose  # a silent one hears what it always hears
        else made.videos[video.name]
        for video in videos
    }
    return _hearing(made, of_each)


def _matched(made: Made, videos: Sequence[Video]) -> Made:
    """The same with all sounds of the list in the place of each one's own: which of them is given, and how loud, is
    told by how loud they all are, and need not be worked out here."""
    heard = fingerprint(
        sorted([video.key, video.category, video.silent, made.videos[video.name]["sound"]] for video in videos)
    )
    of_each = {
        video.name: made.videos[video.name]
        if video.silent
        else {**made.videos[video.name], "sound": fingerprint([made.videos[video.name]["sound"], heard])}
        for video in videos
    }
    return _hearing(made, of_each)


def _hearing(made: Made, of_each: Mapping[str, MadeOf]) -> Made:
    return Made({**made.whole, "sound": fingerprint(sorted(parts["sound"] for parts in of_each.values()))}, of_each)


def _at_places(made: Made, videos: Sequence[Video], root: Path, space: Workspace) -> Made:
    """The same with what says where scores are taken, who talks or what sounds; as it is where nobody says it."""
    given = [video for video in videos if has_regions(video, root)]
    if not given:
        return made
    code = code_of(PlacesHeard, without=DECIDE_NOTHING)
    files = [Files.one(path) for video in given if video.faces for path in (video.faces.boxes, video.faces.talking)]
    digests = iter(space.contents.digests(files))
    places = {
        video.name: fingerprint([code, *([next(digests), next(digests)] if video.faces else [])]) for video in given
    }
    of_each = {
        name: {**parts, "places": places[name]} if name in places else parts for name, parts in made.videos.items()
    }
    return Made({**made.whole, "places": fingerprint(sorted(places.items()))}, of_each)


def _weights(job: Job, recipe: Recipe, space: Workspace, stages: Sequence[Training]) -> MadeOf:
    """The weights under test, as far as they are there."""
    if stages:
        best = stages[-1].best
        return {"weights": space.contents.sha256(Files.one(best))} if best.is_file() else {}
    published = weights_of(job, recipe)
    return _imported(published, "weights", space) if published else {}


def _imported(name: str, part: str, space: Workspace) -> MadeOf:
    """Published weights by the SHA-256 of their file; nothing for those that are not imported, which are not missed."""
    with suppress(FileNotFoundError):
        return {part: imported_source(name, space.weights)["sha256"]}
    return {}


def of_training(training: Training, job: Job, space: Workspace) -> MadeOf:
    """What a stage is made of, and each that it starts from; parts are called ``<stage>: <part>``.

    Raises:
        FileNotFoundError, ValueError: as :func:`of_videos`.
    """
    found: dict[str, str] = {}
    if training.before is not None:
        found.update(of_training(training.before, job, space))
    for source, _ in training.parts.values():
        found.update(of_training(source, job, space))
    own = once(("stage", training.folder), lambda: {**_of_stage(training, job, space), **_of_starts(training, space)})
    return found | {f"{training.stage.name}: {part}": digest for part, digest in own.items()}


def _of_words(training: Training, space: Workspace) -> MadeOf:
    """What a stage on spoken words is made of."""
    release = training.stage.utterances
    heard = [
        *read_utterances(space.data_root, release, "train"),
        *read_utterances(space.data_root, release, "val"),
    ]
    return {
        "list": fingerprint([one.key for one in heard]),
        "sound": fingerprint(space.contents.digests([Files.one(one.path) for one in heard])),
        "code": _code_of_stage(training, WordDataModule),
        **versions_of(*COMPUTE, "lightning", "soundfile", "torchaudio"),
    }


def _of_stage(training: Training, job: Job, space: Workspace) -> MadeOf:
    stage = training.stage
    if stage.utterances:
        return _of_words(training, space)
    parts: list[Part] = ["frames", "maps"]
    parts += ["fixations"] if needs_fixations(stage.loss) else []
    parts += ["sound"] if hears(training.options) else []
    parts += ["labels"] if learns_labels(stage) else []
    videos = []
    for name in stage.data:
        root = space.root_of(name)
        for part in dataset(name).decided_by(stage.validation):
            videos += taught_by(stage.teacher, dataset(name).videos(root, part, job.fold), root)
    stills = [v for name in stage.stills for v in dataset(name).videos(space.root_of(name), "train", job.fold)]
    return {
        "list": fingerprint([line_of(video) for video in (*videos, *stills)]),
        **{
            str(part): together(space.contents, [*videos, *(stills if part not in ("sound", "labels") else ())], part)
            for part in parts
        },
        "code": _code_of_stage(training, SaliencyDataModule),
        **versions_of(*COMPUTE, *readers(), "lightning"),
        **({"decoded by": job.decode} if job.decode else {}),
    }


def _code_of_stage(training: Training, data: type) -> str:
    """The code of a network, of what trains it in a stage, and of what brings its batches."""
    silent = (SilentNorms,) if training.stage.hears == "muted" and hears(training.options) else ()
    return code_of(
        *(*networks_of(training.model, training.options), MODULES[training.stage.training], data, *silent),
        files=[_HERE / name for name in ("checkpoints.py", "fit.py", "starting.py")],
        without=DECIDE_NOTHING,
    )


def _of_starts(training: Training, space: Workspace) -> MadeOf:
    """The published weights that a stage starts from."""
    found: dict[str, str] = {}
    for part, start in training.stage.start.items():
        if part not in training.parts and "." not in start:
            found |= _imported(start, f"weights of {part}", space)
    return found


def networks_of(model: str, options: Mapping[str, object]) -> list[Callable[..., Network]]:
    """What builds a network, and those that its options name."""
    inner = [value for value in options.values() if isinstance(value, str) and value in list_models()]
    return [model_entry(one).build for one in (model, *inner)]

"""Test a network on the sets of its job: predict every frame, score, write a record for each sound."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from avsal_bench.bench.callbacks import PredictProgress
from avsal_bench.bench.checkpoints import load_network
from avsal_bench.bench.computing.compiling import compile_network
from avsal_bench.bench.context import Context, Place, Trained
from avsal_bench.bench.jobs.listening import Listener
from avsal_bench.bench.made_of import of_test, of_trained
from avsal_bench.bench.provenance import peak_memory_mb, provenance
from avsal_bench.bench.results import write_job_result
from avsal_bench.bench.seen.trained_on import trained_on
from avsal_bench.bench.sharing.turns import agreed
from avsal_bench.bench.stages import network_label, observed_sets, stage_options, test_folder, weights_of
from avsal_bench.data.clips.datamodule import SaliencyDataModule
from avsal_bench.data.clips.sounds import Swaps, swaps_of
from avsal_bench.data.dataset import dataset
from avsal_bench.data.labels import story_of_labels
from avsal_bench.data.layouts.lists import story_of_lists
from avsal_bench.evaluation.contextual import places_heard
from avsal_bench.evaluation.protocol import protocol
from avsal_bench.evaluation.score import Results
from avsal_bench.evaluation.score_videos import ScoreVideos, forget_without_maps
from avsal_bench.evaluation.scores_of import Made
from avsal_bench.files import sha256
from avsal_bench.kept import one_look
from avsal_bench.models import Network
from avsal_bench.models.layers.inference import inference_form
from avsal_bench.models.weights.store import load_weights
from avsal_bench.progress import progress
from avsal_bench.records import VideoScores
from avsal_bench.spec import ClipSpec, Sound
from avsal_bench.training.module import SaliencyModule


def test_all(context: Context, trained: Trained, missing: Iterable[Place]) -> None:
    """Test on each data set, with all its sounds at once: frames are read once, and maps can be compared."""
    tested: dict[str, dict[Sound, Path]] = {}
    for name, sound, path in missing:
        tested.setdefault(name, {})[sound] = path
    for name, paths in tested.items():
        test(context, trained, name, paths)


def test(context: Context, trained: Trained, name: str, paths: Mapping[Sound, Path]) -> None:
    """Predict every frame of the test videos of one set, score them, and write a record for each sound."""
    job, recipe, space = context.job, context.recipe, context.space
    story = provenance()
    module = module_to_test(job.model, stage_options(job, recipe), job.seed, paths)
    weights = load_tested(module.net, context, trained)
    parameters = sum(p.numel() for p in module.net.parameters())
    made = partial(_made_of, context, name, paths)
    tested = predict_and_score(context, module, name, [*paths], made, partial(test_folder, job, recipe, space, name))
    if tested is None:
        return
    story |= {**tested.story, **({"decode": job.decode} if job.decode else {}), "fits": trained.fits}
    for sound, path in paths.items():
        told = story | tested.of_sound(sound) | of_trained(job, recipe, space, tested.made[sound])
        told |= story_of_lists(space.root_of(name), dataset(name), job.fold)
        told |= story_of_labels(dataset(name).videos(space.root_of(name), "test", job.fold))
        told["trained_on"] = trained_on(job, recipe, space, name)
        label = network_label(job, recipe)
        write_job_result(context, (name, sound, path), label, tested.videos[sound], told, parameters, weights)


@dataclass(frozen=True)
class Tested:
    """What a test on one set gave.

    Args:
        made: what the test with each sound is made of.
        videos: scores by sound, in the order of the test list.
        story: what records tell of it, with any sound.
        swaps: what each video was given where it heard the sound of another one.
    """

    made: Mapping[Sound, Made]
    videos: Mapping[Sound, list[VideoScores]]
    story: Mapping[str, Any]
    swaps: Swaps

    def of_sound(self, sound: Sound) -> dict[str, Any]:
        """What the record with one sound tells besides: all sounds of the test, and whose sounds videos were given."""
        heard = {key: given for key, given in self.swaps.get(sound, {}).items() if given.gain}
        told: dict[str, Any] = {"sounds": list(self.made)}
        if heard:
            told["partners"] = {key: given.video.key for key, given in heard.items()}
        if louder := {key: given.louder for key, given in heard.items() if given.louder is not None}:
            told["louder_db"] = louder
        return told


def module_to_test(model: str, options: Mapping[str, Any], seed: int, sounds: Iterable[Sound]) -> SaliencyModule:
    """What predicts a network's maps with some sounds, without weights."""
    kind = Listener if _others(sounds) else SaliencyModule
    return kind(model, options, {}, {}, {}, seed)


def predict_and_score(
    context: Context,
    module: SaliencyModule,
    name: str,
    sounds: Collection[Sound],
    make: Callable[[], Mapping[Sound, Made]],
    folder_of: Callable[[Sound], Path],
) -> Tested | None:
    """Predict every frame of the test videos of one set with some sounds, and score what is not scored yet.

    The true sound is heard in every test: maps with another one are compared with those with it.

    Args:
        context: of the job.
        module: of :func:`module_to_test`, with its weights.
        name: of the set.
        sounds: that are scored.
        make: what the test with each sound is made of; asked for once, in the first process.
        folder_of: where the results of single videos lie, with each sound.

    Returns:
        What it gave; None in all processes but the first.
    """
    job, machine = context.job, context.machine
    rules = protocol(job.protocol)
    others = _others(sounds)
    data = data_to_predict(context, module, [name], others)
    title = f"test {job.name} on {name}" + (f", sounds {', '.join(sounds)}" if others else "")
    trainer = machine.trainer(logger=False, callbacks=[PredictProgress(title)])
    made = agreed(trainer, make)
    kept = {
        # Rounding differs with the precision, and a set is tested with one.
        sound: Results(
            folder_of(sound),
            {video: {**parts, "precision": machine.precision} for video, parts in one.videos.items()},
        )
        for sound, one in made.items()
    }
    if keep_maps := machine.keep_maps:
        for of_sound in kept.values():
            forget_without_maps(data.listed("test"), of_sound, keep_maps)
    data.skip = set.intersection(*({f"{name}/{video}" for video in results.read()} for results in kept.values()))
    scored = [kept.get("original"), *(kept[sound] for sound in others)]
    places = partial(places_heard, protocol=rules, root=context.space.root_of(name))
    scorer = ScoreVideos(data.listed("test"), scored, rules, keep_maps, places=places)
    trainer.callbacks.insert(0, scorer)  # type: ignore[attr-defined]
    began = time.monotonic()
    if data.test_videos():
        if module.net.observes:
            shown = observed_sets(job, context.recipe, name)
            observe_training_maps(module.net, context.data(shown, module.net.spec))
        trainer.predict(module, data, return_predictions=False)
    trainer.strategy.barrier()
    if not trainer.is_global_zero:
        return None
    seconds = round(time.monotonic() - began, 1)
    story: dict[str, Any] = {"test_seconds": seconds, "peak_memory_mb": peak_memory_mb()}
    story |= {"compiled": machine.compile, "precision": machine.precision}
    swaps = swaps_of(data.listed("test"), made)
    found = {sound: results.read() for sound, results in kept.items()}
    videos = {sound: [of_sound[v.name][0] for v in data.listed("test")] for sound, of_sound in found.items()}
    return Tested(made, videos, story, swaps)


def _others(sounds: Iterable[Sound]) -> list[Sound]:
    return [sound for sound in sounds if sound != "original"]


def data_to_predict(
    context: Context, module: SaliencyModule, names: Iterable[str], others: Iterable[Sound] = ()
) -> SaliencyDataModule:
    """The data of some sets, as the network of a module is tested on them; it gets the form in which it predicts.

    Args:
        context: of the job.
        module: with its weights.
        names: of the sets.
        others: sounds that are heard beside the true one.
    """
    spec, machine = tested_spec(module.net, context), context.machine
    labels = module.net.switched_by_labels
    if machine.precision == "64-true":
        module.double()  # first, so that norms are folded in float64
    module.net = inference_form(module.net)
    if machine.compile:
        compile_network(module.net, predicts=True)
    size = context.recipe.test_batch_size
    return context.data(names, spec, test_batch_size=size, others=others, labels=labels)


def tested_spec(net: Network, context: Context) -> ClipSpec:
    """What a network takes in the test of a job: windows run as the recipe says, and hear what the protocol says."""
    spec = net.spec
    if protocol(context.job.protocol).script_audio and spec.audio is not None and net.script_audio is not None:
        spec = replace(spec, audio=net.script_audio)
    return replace(spec, backwards=True) if context.recipe.test_backwards else spec


def _made_of(context: Context, name: str, sounds: Iterable[Sound]) -> dict[Sound, Made]:
    with one_look():
        return {sound: of_test(context.job, context.recipe, context.space, name, sound) for sound in sounds}


def load_tested(net: Network, context: Context, trained: Trained) -> dict[str, Any]:
    """Load the weights under test, those trained here or published ones; returns what a record says of them."""
    if trained.checkpoint is not None:
        load_network(net, trained.checkpoint)
        return {"file": trained.checkpoint.name, "sha256": sha256(trained.checkpoint)}
    if published := weights_of(context.job, context.recipe):
        return load_weights(net, published, context.space.weights)
    return {"file": None, "sha256": None}


def observe_training_maps(net: Network, data: SaliencyDataModule) -> None:
    """Show a baseline every saliency map of the training part."""
    loader = data.densities_dataloader()
    with progress("training maps", len(loader)) as bar:
        for densities in loader:
            net.observe(densities)
            bar.advance()

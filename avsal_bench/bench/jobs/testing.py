"""Test a network on the sets of its job: predict every frame, score, write a record for each sound."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
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
from avsal_bench.bench.stages import network_label, stage_options, test_folder, weights_of
from avsal_bench.data.clips.datamodule import SaliencyDataModule
from avsal_bench.data.clips.sounds import partners
from avsal_bench.data.dataset import dataset
from avsal_bench.data.layouts.lists import story_of_lists
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
from avsal_bench.spec import Sound
from avsal_bench.training.module import SaliencyModule


def test_all(context: Context, trained: Trained, missing: Iterable[Place]) -> None:
    """Test on each data set, with all its sounds at once: frames are read once, and maps can be compared."""
    tested: dict[str, dict[Sound, Path]] = {}
    for name, sound, path in missing:
        tested.setdefault(name, {})[sound] = path
    for name, paths in tested.items():
        test(context, trained, name, paths)


def test(context: Context, trained: Trained, name: str, paths: Mapping[Sound, Path]) -> None:
    """Predict every frame of the test videos of one set, score them, and write a record for each sound.

    The true sound is heard in every test: maps with another one are compared with those with it.
    """
    job, recipe, space, machine = context.job, context.recipe, context.space, context.machine
    story = provenance()
    others: list[Sound] = [sound for sound in paths if sound != "original"]
    kind = Listener if others else SaliencyModule
    module = kind(job.model, stage_options(job, recipe), {}, {}, {}, job.seed)
    weights = load_tested(module.net, context, trained)
    parameters = sum(p.numel() for p in module.net.parameters())
    rules = protocol(job.protocol)
    data = data_to_predict(context, module, [name], others)
    title = f"test {job.name} on {name}" + (f", sounds {', '.join(paths)}" if others else "")
    trainer = machine.trainer(logger=False, callbacks=[PredictProgress(title)])
    made = agreed(trainer, lambda: _made_of(context, name, paths))
    kept = {
        # Rounding differs with the precision, and a set is tested with one.
        sound: Results(
            test_folder(job, recipe, space, name, sound),
            {video: {**parts, "precision": machine.precision} for video, parts in one.videos.items()},
        )
        for sound, one in made.items()
    }
    if keep_maps := machine.keep_maps:
        for of_sound in kept.values():
            forget_without_maps(data.listed("test"), of_sound, keep_maps)
    data.skip = set.intersection(*({f"{name}/{video}" for video in results.read()} for results in kept.values()))
    scored = [kept.get("original"), *(kept[sound] for sound in others)]
    trainer.callbacks.insert(0, ScoreVideos(data.listed("test"), scored, rules, keep_maps))  # type: ignore[attr-defined]
    began = time.monotonic()
    if data.test_videos():
        if module.net.observes:
            observe_training_maps(module.net, data)
        trainer.predict(module, data, return_predictions=False)
    trainer.strategy.barrier()
    if not trainer.is_global_zero:
        return
    story |= {"test_seconds": round(time.monotonic() - began, 1), "peak_memory_mb": peak_memory_mb()}
    story |= {"compiled": machine.compile, "precision": machine.precision}
    story |= {"decode": job.decode} if job.decode else {}
    whose = {key: video.key for key, video in partners(data.listed("test")).items()} if "swapped" in paths else {}
    for sound, path in paths.items():
        results = kept[sound].read()
        videos = [results[v.name][0] for v in data.listed("test")]
        told = story | {"fits": trained.fits} | ({"partners": whose} if sound == "swapped" else {})
        told |= of_trained(job, recipe, space, made[sound])
        told |= story_of_lists(space.root_of(name), dataset(name), job.fold)
        told["trained_on"] = trained_on(job, recipe, space, name)
        label = network_label(job, recipe)
        write_job_result(context, (name, sound, path), label, videos, told, parameters, weights)


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
    spec, machine = module.net.spec, context.machine
    rules = protocol(context.job.protocol)
    if rules.script_audio and spec.audio is not None and module.net.script_audio is not None:
        spec = replace(spec, audio=module.net.script_audio)
    labels = module.net.switched_by_labels
    if machine.precision == "64-true":
        module.double()  # first, so that norms are folded in float64
    module.net = inference_form(module.net)
    if machine.compile:
        compile_network(module.net, predicts=True)
    size = context.recipe.test_batch_size
    return context.data(names, spec, test_batch_size=size, others=others, labels=labels)


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

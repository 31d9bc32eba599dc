"""Reading processes that are begun anew, as on macOS and by Python 3.14, are given all that they need."""

import pickle

import pytest
import torch

from avsal_bench.audio.waveform import Waveform
from avsal_bench.data.clips.data_config import DataConfig
from avsal_bench.data.clips.datamodule import SaliencyDataModule
from avsal_bench.spec import ClipSpec


@pytest.fixture
def data(synth_root):
    module = SaliencyDataModule(DataConfig({"synth": synth_root}, 1), ClipSpec(4, (32, 48), audio=Waveform(4)))
    module.setup("fit")
    module.setup("test")
    return module


@pytest.mark.parametrize("part", ["val", "test", "predict"])
def test_what_a_stream_reads_is_the_same_after_pickling(data, part):
    stream = getattr(data, f"{part}_dataloader")()
    own, other = (next(iter(one)) for one in (stream, pickle.loads(pickle.dumps(stream))))
    tensors = [key for key, value in own.items() if isinstance(value, torch.Tensor)]
    assert {"pool", "index", "audio"} <= set(tensors)
    assert all(torch.equal(own[key], other[key]) for key in tensors)


@pytest.mark.parametrize("part", ["train", "densities"])
def test_what_reading_processes_are_given_is_the_same_after_pickling(data, part):
    loader = getattr(data, f"{part}_dataloader")()
    copy, collate = pickle.loads(pickle.dumps((loader.dataset, loader.collate_fn)))
    place = 0 if part == "densities" else next(iter(loader.batch_sampler))[0]
    for own, other in zip(loaded(loader.collate_fn, loader.dataset, place), loaded(collate, copy, place), strict=True):
        assert torch.equal(own, other)


def loaded(collate, clips, place):
    batch = collate([clips[place]])
    values = batch.values() if isinstance(batch, dict) else [batch]
    return [value for value in values if isinstance(value, torch.Tensor)]

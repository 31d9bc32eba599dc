"""From videos to batches: which clip comes when, what is heard in it, and the LightningDataModules."""

from avsal_bench.data.clips.data_config import DataConfig
from avsal_bench.data.clips.datamodule import SaliencyDataModule, hold_out
from avsal_bench.data.clips.items import Windows, collate, read_item
from avsal_bench.data.clips.sampler import ClipRequest, ClipSampler, VideoBatches, clip_counts
from avsal_bench.data.clips.sounds import hear, partners
from avsal_bench.data.clips.tagged import TagDataModule, TaggedBatch

__all__ = [
    "ClipRequest",
    "ClipSampler",
    "DataConfig",
    "SaliencyDataModule",
    "TagDataModule",
    "TaggedBatch",
    "VideoBatches",
    "Windows",
    "clip_counts",
    "collate",
    "hear",
    "hold_out",
    "partners",
    "read_item",
]

"""From videos to batches: which clip comes when, what is heard in it, and the LightningDataModules."""

from avsal_bench.data.clips.data_config import DataConfig
from avsal_bench.data.clips.datamodule import SaliencyDataModule
from avsal_bench.data.clips.items import collate, read_item
from avsal_bench.data.clips.sampler import ClipRequest, ClipSampler, clip_counts
from avsal_bench.data.clips.sounds import Given, hear, matches, partners, swaps_of
from avsal_bench.data.clips.stream import Brought, Stream
from avsal_bench.data.clips.tagged import TagDataModule, TaggedBatch
from avsal_bench.data.setting_aside import fit_and_val, hold_out

__all__ = [
    "Brought",
    "ClipRequest",
    "ClipSampler",
    "DataConfig",
    "Given",
    "SaliencyDataModule",
    "Stream",
    "TagDataModule",
    "TaggedBatch",
    "clip_counts",
    "collate",
    "fit_and_val",
    "hear",
    "hold_out",
    "matches",
    "partners",
    "read_item",
    "swaps_of",
]

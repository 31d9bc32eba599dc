"""Synth: the embedded procedural audio-visual eye-tracking set; docs/synth.md says what it is and is not.

72 videos in four categories, 12 simulated observers, three folds of 24 test videos. Disk layout: ``stavis_layout``,
folder ``synth``.
"""

from avsal_bench.data.dataset import DataSet, register_dataset
from avsal_bench.data.layouts.videos import stavis_layout

register_dataset(DataSet("synth", "synth", stavis_layout, embedded=True, title="Synth"))

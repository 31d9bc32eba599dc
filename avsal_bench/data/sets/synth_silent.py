"""Synth, the sound-free part: plays the role of DHF1K in pre-training, in DHF1K's disk layout.

Disk layout: ``extracted_layout``, folder ``synth_silent``.
"""

from avsal_bench.data.dataset import DataSet, register_dataset
from avsal_bench.data.layouts.dhf1k_layouts import extracted_layout

register_dataset(
    DataSet(
        "synth_silent",
        "synth_silent",
        extracted_layout,
        sound=False,
        folds=False,
        embedded=True,
        title="Synth, without sound",
    )
)

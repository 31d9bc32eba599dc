"""Synth, the stills: every fourth frame of the sound-free part; plays the role of SALICON and MIT1003 in pre-training.

Neighbours are frames of one video, so a part that is set aside of them is easier than new images would be. Disk
layout: ``synth_stills_layout``, which reads the files in the folder ``synth_silent``.
"""

from avsal_bench.data.dataset import DataSet, register_dataset
from avsal_bench.data.layouts.stills import synth_stills_layout

register_dataset(
    DataSet(
        "synth_stills",
        "synth_stills",
        synth_stills_layout,
        sound=False,
        folds=False,
        embedded=True,
        stills=True,
        title="Synth, stills",
        over=("synth_silent",),
    )
)

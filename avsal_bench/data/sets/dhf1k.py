"""DHF1K: 1000 videos without sound, 17 viewers: 600 to train on, 100 to validate, 300 with hidden ground truth.

Visual pre-training of most networks. Disk layout: ``extracted_layout``, folder ``DHF1K``; only the 700 videos with
public ground truth are read.
"""

from avsal_bench.data.dataset import DataSet, register_dataset
from avsal_bench.data.layouts import extracted_layout

register_dataset(DataSet("dhf1k", "DHF1K", extracted_layout, sound=False, folds=False, citation="Wang et al. 2018"))

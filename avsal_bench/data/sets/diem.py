"""DIEM: 84 clips of television, film trailers and sport, watched freely by about 50 viewers each.

One standard split, used in every fold: 64 training and 17 test videos. Disk layout: ``stavis_layout``, folder ``DIEM``.
"""

from avsal_bench.data.dataset import DataSet, register_dataset
from avsal_bench.data.layouts import stavis_layout

register_dataset(DataSet("diem", "DIEM", stavis_layout, folds=False, citation="Mital et al. 2011"))

"""Coutrot 2: 15 videos of four people in a meeting, 40 viewers.

Three folds, 10 training and 5 test videos each. Disk layout: ``stavis_layout``, folder ``Coutrot_db2``.
"""

from avsal_bench.data.dataset import DataSet, register_dataset
from avsal_bench.data.layouts import stavis_layout

register_dataset(DataSet("coutrot2", "Coutrot_db2", stavis_layout, citation="Coutrot and Guyader 2015"))

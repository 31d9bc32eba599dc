"""Coutrot 1: 60 videos in four categories (one and several moving objects, landscapes, faces), 72 viewers.

Three folds, 40 training and 20 test videos each. Disk layout: ``stavis_layout``, folder ``Coutrot_db1``.
"""

from avsal_bench.data.dataset import DataSet, register_dataset
from avsal_bench.data.layouts import stavis_layout

register_dataset(DataSet("coutrot1", "Coutrot_db1", stavis_layout, citation="Coutrot and Guyader 2014"))

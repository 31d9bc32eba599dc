"""ETMD: 12 excerpts of Hollywood films, 10 viewers.

Three folds, 8 training and 4 test videos each. Disk layout: ``stavis_layout``, folder ``ETMD_av``.
"""

from avsal_bench.data.dataset import DataSet, register_dataset
from avsal_bench.data.layouts import stavis_layout

register_dataset(DataSet("etmd", "ETMD_av", stavis_layout, citation="Koutras and Maragos 2015; Tsiami et al. 2019"))

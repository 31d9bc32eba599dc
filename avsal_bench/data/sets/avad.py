"""AVAD: 45 clips of 5 to 10 seconds (music, sport, journalism), 16 viewers.

Three folds, 15 test videos each. The lists test three videos twice and never test three others. Disk layout:
``stavis_layout``, folder ``AVAD``.
"""

from avsal_bench.data.dataset import DataSet, register_dataset
from avsal_bench.data.layouts import stavis_layout

register_dataset(DataSet("avad", "AVAD", stavis_layout, citation="Min et al. 2016"))

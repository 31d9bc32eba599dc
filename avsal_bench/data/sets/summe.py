"""SumMe: 25 unstructured videos of leisure and sport, 10 viewers.

Three folds of 8, 7 and 8 test videos; two videos are never tested. Disk layout: ``stavis_layout``, folder ``SumMe``.
"""

from avsal_bench.data.dataset import DataSet, register_dataset
from avsal_bench.data.layouts import stavis_layout

register_dataset(DataSet("summe", "SumMe", stavis_layout, citation="Gygli et al. 2014; Tsiami et al. 2019"))

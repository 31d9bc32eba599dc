"""`avsal data init`: a look at a tree of files, and the ``dataset.yaml`` that describes what was found there."""

from avsal_bench.data.describing.guessing import look_at_tree
from avsal_bench.data.describing.told import Found
from avsal_bench.data.describing.writing import description_text

__all__ = ["Found", "description_text", "look_at_tree"]

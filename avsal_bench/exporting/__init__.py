"""Networks as files that other programs run: ONNX, TorchScript and torch's own pt2.

A file takes frames as bytes, gives the saliency map that the suite scores, says what it is, and was compared with the
suite before it got its name.
"""

from avsal_bench.exporting.drawn import untrained
from avsal_bench.exporting.exported import (
    TOLERANCE,
    Difference,
    Exported,
    Exporter,
    check_place,
    export_network,
    form_of,
)
from avsal_bench.exporting.forms import FORMS
from avsal_bench.exporting.refusals import NotExportable

__all__ = [
    "FORMS",
    "TOLERANCE",
    "Difference",
    "Exported",
    "Exporter",
    "NotExportable",
    "check_place",
    "export_network",
    "form_of",
    "untrained",
]

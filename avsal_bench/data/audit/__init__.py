"""`avsal data check`: what is wrong with a data set on the disk."""

from avsal_bench.data.audit.audit import check_sets
from avsal_bench.data.audit.findings import Report
from avsal_bench.data.audit.notes import Finding

__all__ = ["Finding", "Report", "check_sets"]

"""Published weights: files opened safely and loaded strictly, and the store of those that were imported."""

from avsal_bench.models.weights.loading import Loaded, load_published, read_state
from avsal_bench.models.weights.store import (
    Found,
    Report,
    check_weights,
    find_weights,
    import_weights,
    imported_source,
    list_weights,
    load_weights,
    published_weights,
    verify_weights,
    weights_owner,
)

__all__ = [
    "Found",
    "Loaded",
    "Report",
    "check_weights",
    "find_weights",
    "import_weights",
    "imported_source",
    "list_weights",
    "load_published",
    "load_weights",
    "published_weights",
    "read_state",
    "verify_weights",
    "weights_owner",
]

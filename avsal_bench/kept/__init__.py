"""What is kept from one run for the next, and whether it may be used: by all that it was made of."""

from avsal_bench.kept.contents import Contents, Files, look_at, once, one_look
from avsal_bench.kept.fingerprint import MadeOf, claim, differing, is_code, read_made_of, require_same
from avsal_bench.kept.sources import code_of, versions_of

__all__ = [
    "Contents",
    "Files",
    "MadeOf",
    "claim",
    "code_of",
    "differing",
    "is_code",
    "look_at",
    "once",
    "one_look",
    "read_made_of",
    "require_same",
    "versions_of",
]

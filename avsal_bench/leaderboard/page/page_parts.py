"""What a page that stands alone is made of: assets, a content security policy, and plain values for its scripts."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Sequence
from importlib.resources import files
from typing import Any


def asset(name: str) -> str:
    """The text of a file of ``assets/``."""
    text = (files(__name__.rpartition(".")[0]) / "assets" / name).read_text(encoding="utf-8")
    return re.sub(r"^//# sourceMappingURL=.*\n?", "", text, flags=re.MULTILINE)


def policy(style: str, scripts: Sequence[str], films: bool) -> str:
    """A content security policy under which nothing runs but what is in the page.

    Nothing is loaded either, but films and their posters from beside a page that has some: from where the page is
    (``'self'``), also where that is a disk (``file:``). Captions are in the page.
    """
    allowed = " ".join(_hash(script) for script in scripts)
    loaded = "img-src data: 'self' file:; media-src data: 'self' file:" if films else "img-src data:"
    return (
        f"default-src 'none'; {loaded}; style-src {_hash(style)}; script-src {allowed}; "
        "base-uri 'none'; form-action 'none'"
    )


def json_block(name: str, value: Any) -> str:
    """Plain values for the page's scripts; nothing in them can end the block."""
    plain = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, sort_keys=True)
    return f'<script type="application/json" id="{name}">{plain.replace("<", chr(92) + "u003c")}</script>'


def packed_text(text: str) -> str:
    """A text as base64 of zlib's form; ``assets/details.js`` has the way back."""
    # Digits in any order repeat seldom: the strategy leaves more to the code of their frequencies.
    packer = zlib.compressobj(9, memLevel=9, strategy=zlib.Z_FILTERED)
    return base64.b64encode(packer.compress(text.encode()) + packer.flush()).decode("ascii")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

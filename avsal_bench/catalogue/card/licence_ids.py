"""Licences in the words of their owners as identifiers of the Hugging Face Hub."""

from __future__ import annotations

#: Identifiers by what a licence is called; nothing else is claimed to be one of these.
_IDS = {
    "MIT": "mit",
    "Apache-2.0": "apache-2.0",
    "BSD-3-Clause": "bsd-3-clause",
    "CC BY 4.0": "cc-by-4.0",
    "CC BY-NC 4.0": "cc-by-nc-4.0",
    "CC BY-NC-SA 4.0": "cc-by-nc-sa-4.0",
}
#: Of what nobody states.
UNSTATED = "unknown"


def licence_id(*words: str) -> str:
    """The identifier of one licence; ``unknown`` where none is stated, or several differ.

    The licence of a repository that says nothing of its weights is none of theirs.

    >>> licence_id("MIT", "MIT"), licence_id("MIT repository; weights not stated"), licence_id("MIT", "CC BY 4.0")
    ('mit', 'unknown', 'unknown')
    """
    found = {_IDS.get(text, UNSTATED) for text in words}
    return found.pop() if len(found) == 1 else UNSTATED

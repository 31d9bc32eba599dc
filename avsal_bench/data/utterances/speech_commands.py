"""Speech Commands: short words, spoken by many people, each in a recording of a second (P. Warden, arXiv 1804.03209).

DAVE's sound encoder learns to tell them apart before it hears videos (dave2019, section 3.1). That paper speaks of
65,000 utterances of 30 words, which is the first release; the second has 35 words.

**On the disk**, as the archive has it, where ``torchaudio.datasets.SPEECHCOMMANDS`` looks for it too::

    <root>/SpeechCommands/speech_commands_v0.01/<word>/<speaker>_nohash_<number>.wav     16 kHz, mono
    <root>/SpeechCommands/speech_commands_v0.01/validation_list.txt                      <word>/<file>.wav a line
    <root>/SpeechCommands/speech_commands_v0.01/testing_list.txt
    <root>/SpeechCommands/speech_commands_v0.01/_background_noise_                       left out

What is in neither list is trained on. The walk is torchaudio's, which here never downloads; what it takes for granted
(that each line of a list is a file inside the folder) is looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from avsal_bench.names import unknown
from avsal_bench.text import many

#: Releases, and how many words each has.
RELEASES = {"speech_commands_v0.01": 30, "speech_commands_v0.02": 35}
#: Where the archives are.
ADDRESS = "http://download.tensorflow.org/data/{release}.tar.gz"

Part = Literal["train", "val", "test"]
_SUBSETS = {"train": "training", "val": "validation", "test": "testing"}
_LISTS = ("validation_list.txt", "testing_list.txt")


@dataclass(frozen=True)
class Utterance:
    """One recording.

    Args:
        path: of the wav.
        word: which of the words of the release it is, from 0, in the order of the alphabet.
        key: ``<word>/<file>``, for messages.
    """

    path: Path
    word: int
    key: str


def folder_of_release(root: Path | None, release: str) -> Path:
    """Where a release lies below a data root.

    Raises:
        ValueError: for an unknown release; it suggests the nearest one.
        FileNotFoundError: where it is not there, with how to get it.
    """
    if release not in RELEASES:
        raise ValueError(unknown("release of Speech Commands", release, RELEASES))
    address = ADDRESS.format(release=release)
    if root is None:
        raise FileNotFoundError(
            f"{release}: no data root; set AVSAL_DATA or --data-root to the folder of the sets, and unpack {address} "
            f"in its SpeechCommands/{release}"
        )
    folder = root / "SpeechCommands" / release
    if not folder.is_dir():
        raise FileNotFoundError(
            f"{release}: no {folder}; download {address}, and unpack it there: mkdir -p {folder} && tar -xzf "
            f"{release}.tar.gz -C {folder}. Or pre-train on nothing: docs/dave.md says how"
        )
    return folder


def words_of(root: Path | None, release: str) -> tuple[str, ...]:
    """The words of a release, sorted: names of its folders, but for those that begin with ``_``.

    Raises:
        ValueError, FileNotFoundError: as :func:`folder_of_release`, and for one without words.
    """
    folder = folder_of_release(root, release)
    words = sorted(one.name for one in folder.iterdir() if one.is_dir() and one.name[0] not in "_.")
    if not words:
        raise FileNotFoundError(f"{folder}: no folders of words, such as bed and bird; unpack the archive again")
    return tuple(words)


def read_utterances(root: Path | None, release: str, part: Part) -> list[Utterance]:
    """The recordings of a part of a release, in the order of the alphabet, or of the list.

    Raises:
        ValueError: naming the list and the line of a file outside the folder, or a wav that is no recording of a word.
        FileNotFoundError: as :func:`folder_of_release`; for a missing list, and for files of a list that are missing.
    """
    from torchaudio.datasets import SPEECHCOMMANDS  # here, as it takes long to import

    folder = folder_of_release(root, release)
    number = {word: i for i, word in enumerate(words_of(root, release))}
    for name in _LISTS:
        _check_list(folder, folder / name, number)
    assert root is not None, "folder_of_release looked"
    walked = SPEECHCOMMANDS(root, url=release, download=False, subset=_SUBSETS[part])
    found = []
    for i in range(len(walked)):
        try:
            place = Path(walked.get_metadata(i)[0])
        except ValueError as error:
            raise ValueError(f"{folder}: a file is not named <speaker>_nohash_<number>.wav ({error})") from error
        word, name = place.parts[-2:]
        if word in number:
            found.append(Utterance(folder / word / name, number[word], f"{word}/{name}"))
    if not found:
        raise FileNotFoundError(f"{folder}: no recordings of the part {part}; unpack the archive again")
    return found


def _check_list(folder: Path, path: Path, words: dict[str, int]) -> None:
    """Look whether each line of a list is a recording that is there."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing, which says what is not trained on; unpack the archive again")
    there: dict[str, set[str]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        word, _, name = line.strip().partition("/")
        if word not in words or not name.endswith(".wav") or "_nohash_" not in name or "/" in name:
            raise ValueError(f"{path}:{number}: expected <word>/<speaker>_nohash_<number>.wav, got {line.strip()!r}")
        if word not in there:
            there[word] = {one.name for one in (folder / word).iterdir()}
        if name not in there[word]:
            raise FileNotFoundError(f"{path}:{number}: no {folder / word / name}; unpack the archive again")


def check_release(root: Path | None, release: str, words: int) -> None:
    """Look whether a release is there whole enough to train on, and has as many words as a network tells apart.

    Raises:
        ValueError, FileNotFoundError: as :func:`read_utterances`, and for another number of words.
    """
    found = words_of(root, release)
    if len(found) != words:
        raise ValueError(
            f"{folder_of_release(root, release)}: {many(len(found), 'folder')} of words, and the network tells {words} "
            f"apart; unpack the archive again, or say `options: {{words: {len(found)}}}` in the stage"
        )
    for part in ("train", "val"):
        read_utterances(root, release, part)

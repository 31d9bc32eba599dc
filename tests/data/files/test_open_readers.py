"""A process keeps the last few readers open, and those of the process that it was forked from stay untouched."""

import os

import pytest

from avsal_bench.data.files.open_readers import OpenReaders


class Reader:
    """Says when it is freed, and in which process."""

    def __init__(self, freed, key):
        self._freed, self._key = freed, key

    def __del__(self):
        self._freed.append((os.getpid(), self._key))


@pytest.fixture
def freed():
    return []


@pytest.fixture
def ask(freed):
    """Asks some readers by keys, and returns which were opened for it."""

    def run(readers, keys):
        opened = []
        for key in keys:
            readers.get(key, lambda key=key: opened.append(key) or Reader(freed, key))
        return "".join(opened)

    return run


@pytest.mark.parametrize(
    ("most", "asked", "opened", "closed"),
    [
        (1, "aab", "ab", "a"),
        (1, "aba", "aba", "ab"),
        (2, "abab", "ab", ""),
        (2, "abcab", "abcab", "abc"),
        (2, "abaca", "abc", "b"),  # what was asked for last stays, not what was opened last
        (4, "abca", "abc", ""),
        (4, "abcde", "abcde", "a"),
    ],
)
def test_the_last_that_were_asked_for_are_open(most, asked, opened, closed, ask, freed):
    readers = OpenReaders(most)
    assert ask(readers, asked) == opened
    assert "".join(key for _, key in freed) == closed
    assert len(readers) == len(opened) - len(closed) <= most


def test_there_are_never_more_than_that_also_while_one_is_opened(ask, freed):
    readers = OpenReaders(2)
    ask(readers, "ab")
    readers.get("c", lambda: Reader(freed, len(readers)))
    assert [key for _, key in freed] == ["a"]
    readers.clear()
    assert 1 in [key for _, key in freed], "one was open when the next was opened"


def test_what_cannot_be_opened_is_asked_for_again(ask):
    readers = OpenReaders(2)
    with pytest.raises(ZeroDivisionError):
        readers.get("a", lambda: 1 // 0)
    assert len(readers) == 0
    assert ask(readers, "a") == "a"


def test_one_that_is_closed_is_opened_anew(ask):
    readers = OpenReaders(2)
    readers.close("a")
    ask(readers, "ab")
    readers.close("a")
    assert len(readers) == 1
    assert ask(readers, "ba") == "a"
    readers.clear()
    assert ask(readers, "ab") == "ab"


def test_no_reader_at_all_is_no_number_to_keep():
    with pytest.raises(ValueError, match=r"0 open readers: expected at least 1"):
        OpenReaders(0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_opens_its_own_and_frees_none_of_its_parent(ask, freed):
    readers = OpenReaders(2)
    ask(readers, "ab")
    read, write = os.pipe()
    if (child := os.fork()) == 0:
        opened = ask(readers, "abcab")
        readers.close("b")
        readers.clear()
        mine = [key for process, key in freed if process == os.getpid()]
        os.write(write, f"{opened} {''.join(sorted(mine))} {len(readers)}".encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        said = pipe.read()
    assert os.waitpid(child, 0)[1] == 0
    assert said == "abcab aabbc 0", "each reader that was freed in the child was opened there"
    assert (len(readers), freed) == (2, [])
    assert ask(readers, "ab") == ""

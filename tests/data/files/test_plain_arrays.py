"""NumPy's files of anyone: numbers and lists of lists are read, no code is run, and no memory is eaten up."""

import io
import pickle
import re
import struct

import numpy as np
import pytest

from avsal_bench.data.plain_arrays import read_lists, read_numbers


def objects(*values):
    """A row of Python's objects, also of equal lengths."""
    row = np.empty(len(values), dtype=object)
    for place, value in enumerate(values):
        row[place] = value
    return row


def saved(path, array):
    np.save(path, array, allow_pickle=True)
    return path


def pickled(path, content, shape="(2,)"):
    """A file of objects with any bytes for its pickle."""
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        head, {"descr": "|O", "fortran_order": False, "shape": tuple(map(int, re.findall(r"\d+", shape)))}
    )
    path.write_bytes(head.getvalue() + content)
    return path


BOX = [1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.arange(6).reshape(1, 2, 3), [[[0, 1, 2], [3, 4, 5]]]),
        (np.asfortranarray(np.arange(4.0).reshape(2, 2)), [[0, 1], [2, 3]]),
        (objects([BOX], [], [BOX, BOX]), [[BOX], [], [BOX, BOX]]),
        (objects((tuple(BOX),), None), [[BOX], None]),
        (objects(np.array([BOX]), np.zeros((0, 4))), [[BOX], []]),
        (objects(np.asfortranarray(np.array([[1, 2], [3, 4]], ">i2")), np.float32([5])), [[[1, 2], [3, 4]], [5]]),
        (objects([np.float64(1.5), np.int64(2)], np.bool_(1)), [[1.5, 2], 1]),
        (np.array([[None, [1, 2]], [[3], None]], dtype=object), [[None, [1, 2]], [[3], None]]),
        (np.asfortranarray(np.array([[None, [1], 2], [[3], None, 4]], dtype=object)), [[None, [1], 2], [[3], None, 4]]),
        (objects(objects(BOX, objects(BOX)), []), [[BOX, [BOX]], []]),
    ],
)
def test_numbers_and_lists_are_read(tmp_path, array, expected):
    assert read_lists(saved(tmp_path / "a.npy", array)) == expected
    assert np.load(tmp_path / "a.npy", allow_pickle=True).shape == array.shape


@pytest.mark.parametrize("protocol", range(5))
def test_pickles_of_all_ages_are_read(tmp_path, protocol):
    content = pickle.dumps(objects([BOX], np.array([[1.5]])), protocol=protocol)
    assert read_lists(pickled(tmp_path / "a.npy", content)) == [[BOX], [[1.5]]]


def test_the_names_of_numpy_1_are_read(tmp_path):
    content = pickle.dumps(objects(np.array([1.5]), BOX), protocol=3).replace(b"numpy._core.", b"numpy.core.")
    assert read_lists(pickled(tmp_path / "a.npy", content)) == [[1.5], BOX]


class Evil:
    ran = False

    def __reduce__(self):
        return (setattr, (Evil, "ran", True))


class Call:
    def __init__(self, function, *given):
        self.made = (function, given)

    def __reduce__(self):
        return self.made


def deep(levels):
    found = [1.0]
    for _ in range(levels):
        found = [found]
    return found


def wide():
    """A list of lists of lists, each the same ten times: 10 ** 9 numbers in some bytes."""
    found = [1.0] * 10
    for _ in range(5):
        found = [found] * 40
    return found


HOSTILE = {
    "a function": (pickle.dumps(objects(Evil())), "pickled objects that are not read: builtins.setattr"),
    "exec": (pickle.dumps([Call(exec, "raise SystemExit")]), "builtins.exec"),
    "bytes of a length": (pickle.dumps([Call(bytes, 10**12)], protocol=3), "builtins.bytes|a call of bytes"),
    "a text": (pickle.dumps(objects("x")), "x, where numbers and lists are expected"),
    "a mapping": (pickle.dumps([{1: 2}]), "EMPTY_DICT|SETITEM"),
    "too deep": (pickle.dumps([deep(30)]), "deep in each other"),
    "too much": (pickle.dumps(wide()), "over 10,000 values"),
    "in itself": (b"\x80\x04]\x94h\x00a.", "deep in each other"),
    "cut off": (pickle.dumps(objects([BOX], [BOX]))[:-20], "damaged pickled objects"),
    "no pickle": (b"\x00" * 50, "damaged pickled objects"),
    "nothing": (b"", "damaged pickled objects"),
    "an id": (b"\x80\x04X\x01\x00\x00\x00aQ.", "BINPERSID"),
    "another class": (b"\x80\x04cos\nsystem\nX\x02\x00\x00\x00ls\x85R.", "os.system"),
    "a buffer of a length": (b"\x80\x05\x96" + struct.pack("<Q", 2**50) + b".", "damaged pickled|BYTEARRAY8"),
    "an index of a length": (b"\x80\x02]r\xff\xff\xff\xffh\x01.", "damaged pickled"),
    "a shape of a length": (
        pickle.dumps(np.array([1, 2], dtype=object), protocol=3).replace(b"K\x02\x85", b"J\xff\xff\xff\x7f\x85"),
        "an array of shape",
    ),
    "half a list": (b"\x80\x04K\x01a.", "damaged pickled"),
    "a list without a start": (b"\x80\x04]K\x01e.", "a list without a start"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_whatever_is_no_list_of_numbers_is_refused_and_runs_nothing(tmp_path, kind, monkeypatch):
    monkeypatch.setattr("avsal_bench.data.plain_arrays.MOST_VALUES", 10_000)
    content, message = HOSTILE[kind]
    path = pickled(tmp_path / "a.npy", content)
    with pytest.raises(ValueError, match=f"^{re.escape(str(path))}: .*({message}).*np.save"):
        read_lists(path)
    assert not Evil.ran


def test_files_of_other_kinds_are_refused(tmp_path):
    path = tmp_path / "a.npy"
    for array, message in (
        (np.zeros(2, dtype=[("x", "f4")]), "expected numbers"),
        (np.zeros(2, dtype=[("x", object)]), "an array of records"),
        (np.array("2026-01-01", dtype="M8[D]"), "expected numbers"),
        (np.float64(3), "a single number, expected an array"),
    ):
        saved(path, array)
        with pytest.raises(ValueError, match=message):
            read_lists(path)
    with pytest.raises(ValueError, match=r"an array of shape \(2,\), expected 3 axes"):
        read_numbers(saved(path, np.zeros(2)), 3)
    path.write_bytes(b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**31))
    with pytest.raises(ValueError, match="no array of NumPy"):
        read_lists(path)
    with pytest.raises(FileNotFoundError, match=r"missing file .*none\.npy"):
        read_lists(tmp_path / "none.npy")
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<f8", "fortran_order": False, "shape": (10**6, 10**6)})
    path.write_bytes(head.getvalue())
    with pytest.raises(ValueError, match="1,000,000,000,000 numbers, at most"):
        read_lists(path)

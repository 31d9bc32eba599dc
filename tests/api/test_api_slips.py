"""A function that fails names the frame; a root that is misspelt is no reason to make a set there."""

import pytest

import avsal_bench
from avsal_bench.api.maps_of import of_function
from avsal_bench.data.dataset import dataset


@pytest.mark.parametrize(
    ("error", "said"),
    [(IndexError("list index out of range"), "IndexError: list index"), (ZeroDivisionError(), "ZeroDivisionError; it")],
)
def test_a_function_that_raises_names_the_frame(real_root, error, said):
    calls = []

    def mine(frame):
        calls.append(frame)
        if len(calls) == 2:
            raise error
        return frame.mean(axis=2)

    [video, *_] = dataset("etmd").videos(real_root, "test", 1)
    with pytest.raises(RuntimeError, match=rf"etmd/.*, frame 2: the function mine raised {said}") as raised:
        list(of_function(mine, 1)(video))
    assert raised.value.__cause__ is error


@pytest.mark.parametrize("name", ["synth", "synth_silent"])
def test_a_root_that_is_not_there_is_not_made(tmp_path, name):
    typo = tmp_path / "dtaa"
    with pytest.raises(FileNotFoundError, match=r"data_root: no folder .*dtaa; leave it out"):
        avsal_bench.data_root(name, typo)
    with pytest.raises(FileNotFoundError, match="data_root: no folder"):
        avsal_bench.evaluate(lambda frame: frame.mean(2), name, data_root=str(typo))
    assert not typo.exists()

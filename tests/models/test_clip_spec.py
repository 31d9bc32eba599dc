"""What a network says that it takes: kept as it was given, or an error that names the field."""

import math

import pytest

from avsal_bench import ClipSpec


def test_lists_are_kept_as_tuples():
    spec = ClipSpec(4, [48, 64], [0.5, 0.5, 0.5], [1, 1, 1])
    assert spec == ClipSpec(4, (48, 64), (0.5, 0.5, 0.5), (1, 1, 1))
    assert isinstance(spec.size, tuple)
    assert hash(spec) == hash(ClipSpec(4, (48, 64), (0.5, 0.5, 0.5), (1, 1, 1)))


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        *(("frames", value, "frames: expected how many frames") for value in (0, -4, 4.0, True, "4", None)),
        *(("size", value, r"size: expected \(height, width\)") for value in (64, (64,), (0, 5), (1, 2, 3), (4.0, 5))),
        *(
            ("mean", value, "mean: expected three numbers")
            for value in (0.5, (0.5, 0.5), (0.5, "a", 1), (math.nan,) * 3)
        ),
        *(("std", value, "std: expected three numbers, .*each above 0") for value in ((0, 1, 1), (1, 1, -1), None)),
        *(
            ("target", value, "target: expected last, middle or a number of frames from 0, got")
            for value in ("first", -1, 2.0, False)
        ),
        *(("antialias", value, "antialias: expected True or False") for value in ("no", 0.5, None)),
        *(("step", value, "step: expected how many frames") for value in (0, -1, 1.0, True)),
        *(
            ("pictures", value, r"pictures: expected sizes \(height, width\) in pixels")
            for value in (5, None, [], (24, 64), ((24,), (24, 64)), ((0, 64), (48, 64)), ((24.0, 64), (24, 64)))
        ),
        ("start", "mirror", "start: expected reverse or repeat, got 'mirror'"),
    ],
)
def test_a_value_that_means_nothing_is_an_error(field, value, said):
    """It was found when the first frames were read, or never."""
    with pytest.raises(ValueError, match=said):
        ClipSpec(**{"frames": 4, "size": (48, 64)} | {field: value})


@pytest.mark.parametrize("target", ["middle", 0, 8])
def test_a_network_that_goes_by_frames_predicts_the_last_that_it_saw(target):
    """It would be trained with frames after the predicted one, and tested without them."""
    with pytest.raises(
        ValueError, match=f"^target: a network that goes by frames .* got {target!r}; leave it at 'last'"
    ):
        ClipSpec(4, (48, 64), target=target, step=2, walk="frames")
    assert ClipSpec(4, (48, 64), target=6, step=2, walk="frames").target_index == 3

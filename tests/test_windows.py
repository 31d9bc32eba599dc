"""Tables of small numbers: every frame of every video has exactly one window."""

import pytest

from avsal_bench.data.windows import training_targets, window


@pytest.mark.parametrize(
    ("frame", "n", "t", "frames"),
    [
        (4, 10, 4, (1, 2, 3, 4)),
        (10, 10, 4, (7, 8, 9, 10)),
        (1, 10, 4, (4, 3, 2, 1)),
        (3, 10, 4, (6, 5, 4, 3)),
        (1, 1, 3, (1, 1, 1)),
        # n = 2t - 1, the shortest video that needs no padding
        (3, 7, 4, (6, 5, 4, 3)),
        (4, 7, 4, (1, 2, 3, 4)),
        # shorter: t = 4, n = 5 leaves frame 3 with room for neither direction
        (2, 5, 4, (5, 4, 3, 2)),
        (3, 5, 4, (1, 1, 2, 3)),
        # shorter than the clip itself
        (1, 3, 5, (3, 3, 3, 2, 1)),
        (2, 3, 5, (1, 1, 1, 1, 2)),
        (3, 3, 5, (1, 1, 1, 2, 3)),
    ],
)
def test_window_that_ends_at_the_target(frame, n, t, frames):
    assert window(frame, n, t).frames == frames


@pytest.mark.parametrize(
    ("frame", "frames"), [(1, (1, 1, 1, 2)), (2, (1, 1, 2, 3)), (3, (1, 2, 3, 4)), (6, (4, 5, 6, 6))]
)
def test_window_around_the_target(frame, frames):
    assert window(frame, 6, 4, "middle").frames == frames


@pytest.mark.parametrize("target", ["last", "middle"])
@pytest.mark.parametrize("t", [1, 2, 5, 8])
@pytest.mark.parametrize("n", [1, 2, 5, 8, 9, 15, 16, 40])
def test_every_frame_has_one_window_inside_the_video(n, t, target):
    for frame in range(1, n + 1):
        clip = window(frame, n, t, target)
        assert clip.target == frame
        assert len(clip.frames) == t
        assert 1 <= clip.first <= clip.last <= n
        assert clip.frames[-1 if target == "last" else t // 2] == frame
        steps = {b - a for a, b in zip(clip.frames, clip.frames[1:], strict=False)}
        assert steps <= {0, 1} or steps <= {0, -1}
        if target == "last" and n >= 2 * t - 1 and t > 1:
            assert clip.reverse == (frame < t)
            assert len(set(clip.frames)) == t, "no frame is repeated where there is room"


def test_a_frame_outside_the_video_is_an_error():
    with pytest.raises(ValueError, match="frame 11 is not in a video of 10 frames"):
        window(11, 10, 4)


@pytest.mark.parametrize("target", ["last", "middle"])
@pytest.mark.parametrize(("n", "t"), [(10, 4), (4, 4), (16, 8), (9, 8)])
def test_training_clips_lie_inside_and_run_forwards(n, t, target):
    targets = training_targets(n, t, target)
    assert len(targets) == n - t + 1
    for frame in targets:
        clip = window(frame, n, t, target)
        assert not clip.reverse
        assert len(set(clip.frames)) == t

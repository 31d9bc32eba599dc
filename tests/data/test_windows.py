"""Tables of small numbers: every frame of every video has exactly one window."""

from itertools import pairwise

import pytest

from avsal_bench.data.windows import steps, training_targets, window
from avsal_bench.spec import ClipSpec


def test_window_that_ends_at_the_target(subtests):
    for frame, n, t, frames in [
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
    ]:
        with subtests.test(frame=frame, n=n, t=t, frames=frames):
            assert window(frame, n, t).frames == frames


def test_window_around_the_target(subtests):
    for frame, frames in [(1, (1, 1, 1, 2)), (2, (1, 1, 2, 3)), (3, (1, 2, 3, 4)), (6, (4, 5, 6, 6))]:
        with subtests.test(frame=frame, frames=frames):
            assert window(frame, 6, 4, "middle").frames == frames


def test_every_frame_has_one_window_inside_the_video(subtests):
    for target in ["last", "middle"]:
        for t in [1, 2, 5, 8]:
            for n in [1, 2, 5, 8, 9, 15, 16, 40]:
                with subtests.test(target=target, t=t, n=n):
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


def test_every_video_length_that_matters(subtests):
    for target in ["last", "middle"]:
        for t in [1, 2, 3, 4, 7, 16, 32]:
            with subtests.test(target=target, t=t):
                for n in sorted(
                    {1, 2, t - 1, t, t + 1, 2 * t - 3, 2 * t - 2, 2 * t - 1, 2 * t, 3 * t + 1, 100} - {0, -1}
                ):
                    clips = [window(frame, n, t, target) for frame in range(1, n + 1)]
                    assert [clip.target for clip in clips] == list(range(1, n + 1)), (
                        "each frame has one window, and it is the target"
                    )
                    seen = {frame for clip in clips for frame in clip.frames}
                    assert seen == set(range(1, n + 1))
                    for clip in clips:
                        real = len(set(clip.frames))
                        assert len(clip.frames) == t
                        assert clip.frames[-1 if target == "last" else t // 2] == clip.target
                        if target == "last":
                            forwards, backwards = min(clip.target, t), min(n - clip.target + 1, t)
                            assert real == (forwards if forwards == t else max(forwards, backwards))
                            assert clip.reverse == (backwards > forwards)
                        else:
                            assert not clip.reverse
                            assert set(clip.frames) == set(
                                range(max(1, clip.target - t // 2), min(n, clip.target + (t - 1) // 2) + 1)
                            )


def test_whole_videos_by_hand(subtests):
    """T = 4: lengths 1, T - 1, T, T + 1, 2T - 2, 2T - 1 and 2T."""
    for n, expected in [
        (1, ["1111"]),
        (3, ["3321", "1112", "1123"]),
        (4, ["4321", "4432", "1123", "1234"]),
        (5, ["4321", "5432", "1123", "1234", "2345"]),
        (6, ["4321", "5432", "6543", "1234", "2345", "3456"]),
        (7, ["4321", "5432", "6543", "1234", "2345", "3456", "4567"]),
        (8, ["4321", "5432", "6543", "1234", "2345", "3456", "4567", "5678"]),
    ]:
        with subtests.test(n=n, expected=expected):
            assert ["".join(map(str, window(frame, n, 4).frames)) for frame in range(1, n + 1)] == expected


def test_whole_videos_by_hand_with_the_target_in_the_middle(subtests):
    for n, expected in [
        (1, ["1111"]),
        (3, ["1112", "1123", "1233"]),
        (4, ["1112", "1123", "1234", "2344"]),
        (6, ["1112", "1123", "1234", "2345", "3456", "4566"]),
    ]:
        with subtests.test(n=n, expected=expected):
            assert ["".join(map(str, window(frame, n, 4, "middle").frames)) for frame in range(1, n + 1)] == expected


def test_a_frame_outside_the_video_is_an_error():
    with pytest.raises(ValueError, match="frame 11 is not in a video of 10 frames"):
        window(11, 10, 4)


def test_training_clips_lie_inside_and_run_forwards(subtests):
    for target in ["last", "middle"]:
        for n, t in [(10, 4), (4, 4), (16, 8), (9, 8)]:
            with subtests.test(target=target, n=n, t=t):
                targets = training_targets(n, t, target)
                assert len(targets) == n - t + 1
                for frame in targets:
                    clip = window(frame, n, t, target)
                    assert not clip.reverse
                    assert len(set(clip.frames)) == t


def test_frames_of_a_clip_may_lie_apart(subtests):
    for frame, n, form, frames in [
        (7, 10, (3, "last", "reverse", 3), (1, 4, 7)),
        (2, 10, (3, "last", "reverse", 3), (8, 5, 2)),
        (2, 10, (3, "last", "repeat", 3), (1, 1, 2)),
        (5, 7, (3, "last", "reverse", 3), (1, 2, 5)),
        (5, 10, (4, "middle", "repeat", 2), (1, 3, 5, 7)),
        (10, 10, (4, "middle", "repeat", 2), (6, 8, 10, 10)),
        # a target that the clip does not have, and one beyond it
        (5, 10, (4, 3, "repeat", 2), (2, 4, 6, 8)),
        (9, 10, (4, 7, "repeat", 2), (2, 4, 6, 8)),
        # the third of six consecutive frames
        (1, 10, (6, 2, "repeat", 1), (1, 1, 1, 2, 3, 4)),
    ]:
        with subtests.test(frame=frame, form=form):
            assert window(frame, n, *form).frames == frames
            targets = training_targets(n, *form)
            for target in targets:
                clip = window(target, n, *form).frames
                assert {b - a for a, b in pairwise(clip)} == {form[3]}
            for target in (targets[0] - 1, targets[-1] + 1):  # no clip more is whole
                if 1 <= target <= n:
                    assert {b - a for a, b in pairwise(window(target, n, *form).frames)} != {form[3]}


@pytest.mark.parametrize("form", [(5, "last", "reverse", 3), (8, "middle", "repeat", 2), (8, 7, "repeat", 2)])
@pytest.mark.parametrize("n", [1, 9, 40])
@pytest.mark.parametrize("size", [1, 4])
def test_each_frame_is_read_once_and_kept_while_it_is_needed(form, n, size):
    held, read, seen = set(), [], []
    for step in steps(range(1, n + 1), n, *form, size=size):
        held = {frame for frame in held if frame >= step.first} | {*step.fresh}
        read += step.fresh
        seen += [one.target for one in step.windows]
        assert all({*one.frames} <= held for one in step.windows)
        assert len(held) <= 2 * (form[0] - 1) * form[3] + size
    assert seen == [*range(1, n + 1)]
    assert len(read) == len({*read})


def test_the_index_of_the_target_in_a_clip():
    assert ClipSpec(32, (64, 96), target="middle", step=2).target_index == 16
    assert ClipSpec(32, (64, 96), target=15).target_index == 15
    with pytest.raises(ValueError, match=r"\(frames=32, step=2\) does not have the frame that it predicts, 31"):
        _ = ClipSpec(32, (64, 96), target=31, step=2).target_index


@pytest.mark.parametrize("wrong", [{"step": 0}, {"step": True}, {"step": 1.5}, {"target": -1}, {"target": "first"}])
def test_a_form_of_clips_that_there_is_not(wrong):
    with pytest.raises(ValueError, match=rf"^{next(iter(wrong))}: expected"):
        ClipSpec(4, (64, 96), **wrong)

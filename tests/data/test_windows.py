"""Tables of small numbers: every frame of every video has exactly one window."""

import pytest

from avsal_bench.data.windows import training_targets, window


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

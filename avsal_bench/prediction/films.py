"""Anyone's video file as a video of the benchmark, without ground truth, and its sound."""

from __future__ import annotations

import sys
from pathlib import Path

from avsal_bench.data.dataset import Video
from avsal_bench.data.files.moments import AUDIO_SLACK, shown_seconds
from avsal_bench.data.files.presence import sound_seconds
from avsal_bench.data.files.tracks import has_track
from avsal_bench.data.files.video_files import announced_frames, count_frames, frame_rate
from avsal_bench.data.places import VIDEO_SUFFIXES, NumberedFiles, VideoFile, is_video_file
from avsal_bench.text import many

#: Frames that a header may tell of beyond those that are shown: an edit may leave out some at an end.
LACKING = 2


def open_film(path: Path, audio: Path | None = None) -> Video:
    """Any video file as a :class:`Video`, without ground truth.

    Args:
        path: of the video.
        audio: sound in a file of its own, a wav or a video file; None for the video's own track, if it has one.

    Raises:
        FileNotFoundError, ValueError: naming a file that is missing, unreadable, or not of a kind that is read.
    """
    if not path.exists():
        raise FileNotFoundError(f"missing video {path}")
    if path.is_dir():
        raise ValueError(
            f"{path}: is a folder, and a video file is expected; make a film of its frames, as with `ffmpeg -framerate "
            "25 -i FOLDER/%05d.jpg film.mp4`. In Python, predict() reads a folder of frames"
        )
    if not path.is_file():
        raise ValueError(f"{path}: expected a video file, and this is none")
    if not is_video_file(path):
        raise ValueError(
            f"{path}: no video file by its name ({', '.join(VIDEO_SUFFIXES)}); "
            f"convert it with `ffmpeg -i {path.name} {path.stem}.mp4`"
        )
    if audio is not None and not audio.exists():
        raise FileNotFoundError(f"missing sound {audio}")
    if audio is not None and not audio.is_file():
        raise ValueError(f"{audio}: expected a file with sound, and this is none")
    n_frames, announced = count_frames(path), announced_frames(path)
    if announced > n_frames + LACKING:
        print(
            f"{path}: its header tells of {many(announced, 'frame')}, and {n_frames} are there; it may be cut short",
            file=sys.stderr,
        )
    nothing = NumberedFiles(path.parent, "", 5, "")
    return Video(
        dataset=path.resolve().parent.name,
        name=path.name,
        n_frames=n_frames,
        fps=frame_rate(path),
        frames=VideoFile(path),
        densities=nothing,
        fixations=nothing,
        audio=audio or (path if has_track(path) else None),
    )


def check_sound(video: Video, network: str) -> None:
    """Look whether the sound of a video is there and lasts as long as its frames.

    Raises:
        ValueError: naming the file, when it is not; at most ``AUDIO_SLACK`` seconds may lack.
    """
    path = video.audio
    advice = (
        "give the sound with --audio, let the network hear silence with --muted, or use a visual one (--modality v)"
    )
    if path is None or (is_video_file(path) and not has_track(path)):
        place = path or (video.frames.path if isinstance(video.frames, VideoFile) else video.key)
        raise ValueError(f"{place}: no sound track in this video, and {network} hears; {advice}")
    seconds = sound_seconds(path)
    needed = shown_seconds(video)
    if seconds < needed - AUDIO_SLACK:
        raise ValueError(
            f"{path}: {seconds:.2f} s of sound for {needed:.2f} s of video ({many(video.n_frames, 'frame')} at "
            f"{video.fps:g} a second); {advice}"
        )

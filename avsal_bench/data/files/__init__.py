"""What opens files: pictures, video files, sound, fixations, the prepared form; and what looks for them."""

from avsal_bench.data.files.fixation_files import mat_fixations, read_fixations
from avsal_bench.data.files.frames import frame_size, is_prepared, read_clip, read_frames
from avsal_bench.data.files.images import read_density
from avsal_bench.data.files.prepare import prepare_videos
from avsal_bench.data.files.presence import check_truth, check_video, check_videos
from avsal_bench.data.files.resampling import Excerpt
from avsal_bench.data.files.sound_files import read_audio, read_sound
from avsal_bench.data.files.tracks import has_track
from avsal_bench.data.files.video_files import count_frames, frame_rate

__all__ = [
    "Excerpt",
    "check_truth",
    "check_video",
    "check_videos",
    "count_frames",
    "frame_rate",
    "frame_size",
    "has_track",
    "is_prepared",
    "mat_fixations",
    "prepare_videos",
    "read_audio",
    "read_clip",
    "read_density",
    "read_fixations",
    "read_frames",
    "read_sound",
]

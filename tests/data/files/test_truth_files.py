"""Ground truth however a set keeps it: a film of maps, points of all frames in one file, or nothing."""

from pathlib import Path

import av
import numpy as np
import pytest
import torch

from avsal_bench.data.dataset import Video
from avsal_bench.data.files import truth_files
from avsal_bench.data.files.presence import check_truth
from avsal_bench.data.places import PointsFile, VideoFile

#: Some levels of 10 bits and of 8 bits, and what ffmpeg writes to a PNG of them.
DEEP = {64: 0, 502: 32641, 940: 65283, 941: 65357, 1023: 65535}
SHALLOW = {16: 0, 126: 128, 235: 255}


def film(path, levels, pix_fmt):
    """A film of one frame a level, each of that luminance everywhere."""
    deep = pix_fmt.endswith("10le")
    with av.open(str(path), "w") as box:
        stream = box.add_stream("ffv1", rate=30)
        stream.width, stream.height, stream.pix_fmt = 32, 24, pix_fmt
        for level in levels:
            frame = av.VideoFrame(32, 24, pix_fmt)
            for plane, value in zip(frame.planes, (level, *[512 if deep else 128] * 2), strict=True):
                plane.update(np.full(plane.buffer_size // (1 + deep), value, np.uint16 if deep else np.uint8))
            box.mux(stream.encode(frame))
        box.mux(stream.encode(None))
    return VideoFile(path)


def listed(path, video):
    return [np.array([[0, 0], [3, 31], [3, 31]]), np.array([[24, 0]]), np.empty((0, 2), np.int64)]


def a_video(folder, n_frames=3, **parts):
    fixations = PointsFile(folder / "points.json", listed)
    fixations.path.write_text("")
    parts = {"frames": VideoFile(folder / "v.mp4"), "densities": None, "fixations": fixations} | parts
    return Video("set", "v", n_frames, 30.0, **parts)


@pytest.mark.parametrize(("levels", "pix_fmt"), [(DEEP, "yuv420p10le"), (SHALLOW, "yuv420p")])
def test_levels_of_a_film_are_those_that_ffmpeg_writes(tmp_path, levels, pix_fmt):
    video = a_video(tmp_path, len(levels), densities=film(tmp_path / "maps.mkv", levels, pix_fmt))
    for frame, level in reversed(list(enumerate(levels.values(), 1))):
        stored = truth_files.density_levels(video, frame)
        assert stored.dtype == (torch.uint16 if pix_fmt.endswith("10le") else torch.uint8)
        assert stored.shape == (24, 32)
        assert (stored == level).all()
    assert truth_files.density(video, len(levels), (6, 8)).numpy() == pytest.approx(np.ones((6, 8)))


def test_points_keep_their_repeats_and_make_a_map(tmp_path):
    video = a_video(tmp_path, densities=film(tmp_path / "maps.mkv", [64] * 3, "yuv420p10le"))
    assert truth_files.points(video, 1).tolist() == [[0, 0], [3, 31], [3, 31]]
    assert truth_files.fixations(video, 1).nonzero().tolist() == [[0, 0], [3, 31]]
    assert not truth_files.fixations(video, 3).any()
    for look in (check_truth, lambda video: truth_files.fixations(video, 2)):
        with pytest.raises(ValueError, match=r"points.json: frame 2 has a point at row 24 and column 0, outside"):
            look(video)
    with pytest.raises(ValueError, match=r"points.json: no frame 4, the file has points of 3 frames"):
        truth_files.points(video, 4)


def test_a_film_of_another_length_and_a_missing_file_are_named(tmp_path):
    maps = film(tmp_path / "maps.mkv", [64] * 3, "yuv420p10le")
    with pytest.raises(ValueError, match=r"maps.mkv: 3 maps, and the video has 4 frames"):
        check_truth(a_video(tmp_path, 4, densities=maps))
    with pytest.raises(FileNotFoundError, match=r"set/v: missing saliency maps .*other.mp4"):
        check_truth(a_video(tmp_path, densities=VideoFile(tmp_path / "other.mp4")))
    video = a_video(tmp_path, densities=maps)
    Path(tmp_path / "points.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"set/v: missing points .*points.json"):
        check_truth(video)


def test_truth_that_is_kept_back_is_said(tmp_path):
    video = a_video(tmp_path, fixations=None)
    assert not video.has_truth
    assert set(video.parts) == {"frames"}
    for read in (truth_files.density, truth_files.fixations, truth_files.points):
        with pytest.raises(ValueError, match="set/v: the authors of set keep the ground truth of this video back, or"):
            read(video, 1)

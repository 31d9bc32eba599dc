"""Small videos with sound that have a place for their fast form, and what is to be found there."""

import os

import numpy as np
import pytest
import soundfile
import torch
from conftest import write_video

from avsal_bench.data.dataset import Video
from avsal_bench.data.files.frames import read_frame
from avsal_bench.data.places import NumberedFiles
from avsal_bench.workers import Workers

SIZE = (24, 40)
ONE = Workers(1)


def make_video(root, name="clip", n_frames=40, seed=0, rate=22050):
    """A video in the layout of STAViS with stereo sound, and a folder for its fast form."""
    write_video(root, "AVAD", name, n_frames, seed=seed)
    frames, annotations = root / "video_frames" / "AVAD" / name, root / "annotations" / "AVAD" / name
    audio = root / "video_audio" / "AVAD" / name / f"{name}.wav"
    samples = np.random.default_rng(seed).uniform(-0.5, 0.5, (round(rate * n_frames / 25), 2))
    soundfile.write(audio, samples, rate, subtype="PCM_16")
    return Video(
        dataset="avad",
        name=name,
        n_frames=n_frames,
        fps=25.0,
        frames=NumberedFiles(frames, "img_", 5, ".jpg"),
        densities=NumberedFiles(annotations / "maps", "eyeMap_", 5, ".jpg"),
        fixations=NumberedFiles(annotations, "fixMap_", 5, ".mat"),
        audio=audio,
        prepared=root / "prepared" / "AVAD" / name,
    )


@pytest.fixture(name="video")
def video_fixture(tmp_path):
    return make_video(tmp_path)


def originals(video, size=SIZE):
    frames = [read_frame(video.frames.path(n), size) for n in range(1, video.n_frames + 1)]
    return torch.stack(frames).permute(0, 2, 3, 1).numpy()


def reasons(found):
    return [p.reason for p in found]


def touch(path):
    """Another time, with the same contents."""
    found = path.stat()
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns + 1_000_000))

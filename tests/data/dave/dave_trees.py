"""DAVE's set in the copies of STAViS: small trees of DIEM and both sets of Coutrot, with videos that AVE names.

Quirks of the true ones: Coutrot's videos have other names in the lists of AVE, and gaze says the name of the copy.
"""

import numpy as np
from conftest import write_list, write_video

from avsal_bench.data.gaze.samples import Gaze, Sample, write_gaze

#: For each part: the name in AVE, the folder and the name of the copy, and the category.
VIDEOS = {
    "train": (
        ("advert_bbc4_bees_1024x576", "DIEM", "advert_bbc4_bees_1024x576", "Nature"),
        ("clip_1", "Coutrot_db1", "clip1", "Miscellaneous"),
        ("clip_e_1", "Coutrot_db2", "clip1", "Social"),
    ),
    "val": (
        ("clip_18", "Coutrot_db1", "clip18", "Miscellaneous"),
        ("clip_e_4", "Coutrot_db2", "clip4", "Social"),
    ),
    "test": (
        ("arctic_bears_1066x710", "DIEM", "arctic_bears_1066x710", "Nature"),
        ("clip_12", "Coutrot_db1", "clip12", "Nature"),
        ("clip_e_2", "Coutrot_db2", "clip2", "Social"),
    ),
}
LISTS = {"DIEM": ("",), "Coutrot_db1": ("_1", "_2", "_3"), "Coutrot_db2": ("_1", "_2", "_3")}
N, FPS = 12, 25.0


def write_dave_ave(root, n_frames=N, own_lists=True, files=True):
    """The eight videos, with lists of the three sets, and lists of AVE's names of the root's own if asked for."""
    for folder, suffixes in LISTS.items():
        own = {part: [(name, n_frames) for _, of, name, _ in VIDEOS[part] if of == folder] for part in VIDEOS}
        for suffix in suffixes:  # what AVE validates on, the three sets train on
            lines = {"train": own["train"] + own["val"], "test": own["test"]}
            for part, listed in lines.items():
                write_list(root, folder, part, suffix, "".join(f"{name} {n} {FPS}\n" for name, n in listed))
    for part, videos in VIDEOS.items():
        if own_lists:
            write_list(root, "dave_ave", part, "", "".join(f"{name} {n_frames} {FPS}\n" for name, *_ in videos))
        for seed, (_, folder, name, _) in enumerate(videos):
            if files:
                write_video(root, folder, name, n_frames, FPS, seed=seed)
                _write_observers(root / "annotations" / folder / name / "observers.csv", name, n_frames, seed)
            else:
                for kind in ("video_frames", "annotations"):
                    (root / kind / folder / name).mkdir(parents=True, exist_ok=True)
    return root


def _write_observers(path, name, n_frames, seed):
    rng = np.random.default_rng(seed)
    samples = [
        Sample(observer, frame, float(rng.uniform(0, 64)), float(rng.uniform(0, 48)))
        for frame in range(1, n_frames + 1)
        for observer in ("a", "b", "c", "d")
    ]
    write_gaze(path, Gaze.of(samples), name)

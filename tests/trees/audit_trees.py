"""A small set of three videos for `avsal data check`, and ways to damage its files."""

import shutil

import numpy as np
import pytest
import soundfile
from conftest import write_set
from PIL import Image
from scipy.io import savemat

from avsal_bench.data.audit import audit
from avsal_bench.data.audit.audit import check_sets
from avsal_bench.workers import Workers

SET, FOLDER, N = "coutrot2", "Coutrot_db2", 12
SEEN: set[str] = set()


@pytest.fixture(autouse=True)
def _no_published_lists(tmp_path, monkeypatch):
    """The trees of tests have names and lengths of their own."""
    monkeypatch.setattr(audit, "PACKAGED_LISTS", tmp_path / "published")


@pytest.fixture(name="clean", scope="module")
def clean_fixture(tmp_path_factory):
    root = tmp_path_factory.mktemp("clean")
    write_set(root, FOLDER, ("_1", "_2", "_3"), N)
    return root


@pytest.fixture(name="root")
def root_fixture(clean, tmp_path):
    shutil.copytree(clean, tmp_path / "data")
    return tmp_path / "data"


def check(root, name=SET, workers=0, **options):
    with Workers(workers) as pool:
        report = check_sets({name: root}, pool, **options)
    SEEN.update(f.kind for f in report.findings)
    return report


def only(report):
    assert len(report.findings) == 1, report.table()
    return report.findings[0]


def frame(root, n, video="video1"):
    return root / f"video_frames/{FOLDER}/{video}/img_{n:05d}.jpg"


def density(root, n, video="video1"):
    return root / f"annotations/{FOLDER}/{video}/maps/eyeMap_{n:05d}.jpg"


def fixations(root, n, video="video1"):
    return root / f"annotations/{FOLDER}/{video}/fixMap_{n:05d}.mat"


def sound(root, video="video1"):
    return root / f"video_audio/{FOLDER}/{video}/{video}.wav"


def grey(path, value, size=(48, 64)):
    Image.fromarray(np.full(size, value, dtype=np.uint8)).save(path)


def mat(path, values, name="eyeMap"):
    savemat(path, {name: values})


def point(value=1, size=(48, 64), dtype=np.uint8):
    values = np.zeros(size, dtype=dtype)
    values[3, 4] = value
    return values


def crossed(size=(48, 64)):
    """Rows and columns of samples, each with each."""
    values = np.zeros(size, dtype=np.uint8)
    values[np.ix_([10, 12, 13], [20, 24, 29])] = 1
    return values


def cut(path, part=0.5):
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])


def play(path, samples, rate=22050, subtype="PCM_16"):
    soundfile.write(path, samples, rate, subtype=subtype)


def noise(seconds, rate=22050, amplitude=0.1):
    return amplitude * np.random.default_rng(0).uniform(-1, 1, round(seconds * rate))


def gaze(root, *rows, header="video,observer,frame,x,y"):
    path = root / f"annotations/{FOLDER}/video1/observers.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")


def label(root, text):
    """Labels of all three videos, those of the second with this text, or without a file (None)."""
    for video, written in {"video0": "1\n" * N, "video1": text, "video2": "0\n" * N}.items():
        path = root / f"av_gt_label/{FOLDER}/{video}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        if written is not None:
            path.write_text(written)


def change_list(root, old, new, part="train", folds=(1, 2, 3)):
    for fold in folds:
        path = root / f"fold_lists/{FOLDER}_list_{part}_{fold}_fps.txt"
        path.write_text(path.read_text().replace(old, new))


def black(root, numbers, empty=False):
    for n in numbers:
        grey(density(root, n), 0)
        if empty:
            mat(fixations(root, n), point(0))


def make_silent(root, start, stop):
    samples = noise(3.0)
    samples[round(start * 22050) : round(stop * 22050)] = 0
    play(sound(root), samples)


def for_each(numbers, act):
    for n in numbers:
        act(n)

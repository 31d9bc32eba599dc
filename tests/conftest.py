"""A small copy of every disk layout, and a workspace around it."""

import contextlib
import gc
import io
import re
import shutil
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch
from lightning.pytorch.utilities.rank_zero import rank_zero_only
from PIL import Image
from scipy.io import savemat
from torch import distributed, multiprocessing

from avsal_bench import workers
from avsal_bench.bench.workspace import Workspace
from avsal_bench.data.synth.making import make_synth

HOME = Path(__file__).resolve().parents[1]

#: Overrides of the smoke preset that make a run of seconds.
TINY = (
    "network.frames=8",
    "network.size=[64, 64]",
    "network.width=8",
    "network.backbone_width=0.125",
    "network.audio_width=0.125",
    "clips_per_video=2",
    "batch_size=4",
    "val_stride=20",
    "stages.visual={data: [synth_silent], epochs: 1, modality: v, start: null}",
    "stages.audiovisual.epochs=2",
)

#: Folder and suffix of the lists of the six sets; DIEM's one split is used in every fold.
SIX_SETS = {
    "diem": ("DIEM", ("",)),
    "coutrot1": ("Coutrot_db1", ("_1", "_2", "_3")),
    "coutrot2": ("Coutrot_db2", ("_1", "_2", "_3")),
    "avad": ("AVAD", ("_1", "_2", "_3")),
    "etmd": ("ETMD_av", ("_1", "_2", "_3")),
    "summe": ("SumMe", ("_1", "_2", "_3")),
}


def pytest_collection():
    """What is imported stays, so nobody looks for what could go."""
    gc.disable()


def pytest_collection_finish():
    """A million objects stay for the whole run: to go through all of them each time would be a tenth of the run."""
    gc.collect()
    gc.freeze()
    gc.enable()
    gc.set_threshold(5000, 10, 10)


@pytest.fixture
def listening():
    """Signals do what they usually do: tests may run behind nohup or in the background, where some are ignored."""
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL, signal.SIGHUP: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(autouse=True)
def first_rank(monkeypatch):
    """Whichever rank a test gives this process, the next test is the first process again: only that one writes logs."""
    monkeypatch.setattr(rank_zero_only, "rank", 0)


@pytest.fixture
def run_page(tmp_path, monkeypatch):
    """Runs the python blocks of a page in one namespace, and holds what a block prints against the text after it."""

    def run(page):
        monkeypatch.chdir(tmp_path)
        text, names = page.read_text(encoding="utf-8"), {"__name__": page.stem}
        for block in re.finditer(r"^```python\n(.*?)^```$(?:\s+^```text\n(.*?)^```$)?", text, re.M | re.S):
            printed, line = io.StringIO(), text.count("\n", 0, block.start(1))
            with contextlib.redirect_stdout(printed):
                exec(compile("\n" * line + block[1], str(page), "exec"), names)
            if block[2] is not None:
                assert printed.getvalue() == block[2], f"{page.name}, line {line + 1}"
        return names

    return run


def _meet(rank, work, folder):
    store = f"file://{folder}/meet"
    distributed.init_process_group("gloo", store, timeout=timedelta(seconds=60), rank=rank, world_size=2)
    work(rank, folder)
    distributed.destroy_process_group()


@pytest.fixture
def two_processes():
    """Calls a function with (rank, folder) in two processes that are connected."""

    def run(work, folder):
        # A fork has torch already, which takes long to import; only Linux forks safely.
        method = "fork" if sys.platform == "linux" else "spawn"
        context = multiprocessing.start_processes(_meet, (work, folder), nprocs=2, join=False, start_method=method)
        try:
            deadline = time.monotonic() + 90
            while not context.join(timeout=5):
                assert time.monotonic() < deadline, "two processes wait for each other"
        finally:
            for process in context.processes:
                process.kill()

    return run


@pytest.fixture(scope="session")
def _process_server():
    """Starts processes that have the package already, and nothing else of this one: importing it takes seconds each."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    tasks = ("bench.evaluate", "data.audit.audit", "data.files.prepare", "data.statistics.stats")
    context.set_forkserver_preload([f"avsal_bench.{module}" for module in tasks])
    return context


@pytest.fixture
def quick_processes(monkeypatch, _process_server):
    """The processes of `Workers` begin within milliseconds; they are given everything by pickling all the same."""
    monkeypatch.setattr(workers, "multiprocessing", SimpleNamespace(get_context=lambda kind: _process_server))


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """Small tensors: threads cost more than they give, and sums keep one order."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def synth_root(tmp_path_factory):
    root = tmp_path_factory.mktemp("synth")
    make_synth(root, videos=6)
    return root


@pytest.fixture
def space(tmp_path, synth_root):
    return Workspace(HOME, None, synth_root, tmp_path / "runs", tmp_path / "leaderboard")


def write_video(root, folder, name, n_frames, fps=25.0, size=(48, 64), sound=True, seed=0):
    """One video in the STAViS layout: noise with a bright square that viewers look at."""
    rng = np.random.default_rng(seed)
    h, w = size
    frames = root / "video_frames" / folder / name
    annotations = root / "annotations" / folder / name
    (annotations / "maps").mkdir(parents=True)
    frames.mkdir(parents=True)
    for n in range(1, n_frames + 1):
        y, x = rng.integers(4, h - 4), rng.integers(4, w - 4)
        image = rng.integers(0, 90, (h, w, 3), dtype=np.uint8)
        image[y - 4 : y + 4, x - 4 : x + 4] = 220
        Image.fromarray(image).save(frames / f"img_{n:05d}.jpg")
        rows, columns = np.mgrid[:h, :w]
        density = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 50)
        Image.fromarray((255 * density).astype(np.uint8)).save(annotations / "maps" / f"eyeMap_{n:05d}.jpg")
        fixated = np.zeros((h, w), dtype=np.uint8)
        fixated[y, x] = fixated[y - 2, x + 1] = 1
        savemat(annotations / f"fixMap_{n:05d}.mat", {"eyeMap": fixated}, do_compression=True)
    if sound:
        folder = root / "video_audio" / folder / name
        folder.mkdir(parents=True)
        samples = 0.1 * rng.standard_normal(round(22050 * n_frames / fps))
        soundfile.write(folder / f"{name}.wav", samples, 22050, subtype="PCM_16")


def write_list(root, folder, part, suffix, lines):
    path = root / "fold_lists" / f"{folder}_list_{part}{suffix}_fps.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(lines, encoding="utf-8")
    return path


def write_set(root, folder, suffixes, n_frames=12):
    """Three videos: two in the training list, one in the test list, in each fold."""
    for i in range(3):
        write_video(root, folder, f"video{i}", n_frames, seed=i)
    for k, suffix in enumerate(suffixes):
        lines = [f"video{i} {n_frames} 25.000000\n" for i in range(3)]
        write_list(root, folder, "test", suffix, lines.pop(k % 3))
        write_list(root, folder, "train", suffix, "".join(lines))


def write_dhf1k(root, n_frames=12):
    """DHF1K with its frames extracted: three training videos and one to validate on."""
    rng = np.random.default_rng(0)
    for split, names in {"train": ("001", "002", "003"), "val": ("601",)}.items():
        for name in names:
            for kind, suffix in {"images": ".jpg", "maps": ".png", "fixations": ".png"}.items():
                folder = root / "DHF1K" / split / name / kind
                folder.mkdir(parents=True)
                for n in range(1, n_frames + 1):
                    shape = (48, 64, 3) if kind == "images" else (48, 64)
                    image = rng.integers(0, 255, shape, dtype=np.uint8)
                    Image.fromarray(np.uint8(255) * (image > 250) if kind == "fixations" else image).save(
                        folder / f"{n:04d}{suffix}"
                    )


@pytest.fixture(scope="session")
def _real_sets(tmp_path_factory):
    root = tmp_path_factory.mktemp("real")
    for folder, suffixes in SIX_SETS.values():
        write_set(root, folder, suffixes)
    write_dhf1k(root)
    return root


@pytest.fixture
def real_root(tmp_path, _real_sets):
    """A root with small sets under the real names, in the real layouts: a copy that a test may change."""
    return shutil.copytree(_real_sets, tmp_path / "data")


@pytest.fixture
def labelled_root(synth_root, tmp_path):
    """Links to the embedded set of all tests, with labels of its own."""
    for path in synth_root.iterdir():
        if path.name != "av_gt_label":
            (tmp_path / path.name).symlink_to(path)
    shutil.copytree(synth_root / "av_gt_label", tmp_path / "av_gt_label")
    return tmp_path

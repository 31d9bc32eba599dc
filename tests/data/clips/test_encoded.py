"""Pictures that are decoded where the network is, here by the CPU in the place of a GPU: batches are as ever."""

import dataclasses
import shutil

import pytest
import torch
from conftest import write_list, write_video
from lightning import LightningModule, Trainer
from PIL import Image

from avsal_bench.bench.fit import say_decoded
from avsal_bench.data.clips.data_config import DataConfig
from avsal_bench.data.clips.datamodule import SaliencyDataModule
from avsal_bench.data.clips.encoded import EncodedClip, frames_in_bytes
from avsal_bench.data.files.prepare import prepare_videos
from avsal_bench.spec import ClipSpec
from avsal_bench.workers import Workers

SPEC = ClipSpec(frames=4, size=(32, 48))


def frames_of(root, number):
    return sorted((root / "video_frames" / "AVAD" / f"video{number}").iterdir())


@pytest.fixture(scope="module")
def _written(tmp_path_factory):
    root = tmp_path_factory.mktemp("encoded")
    lines = []
    for number, n_frames in enumerate((5, 3, 6, 1)):
        write_video(root, "AVAD", f"video{number}", n_frames, seed=number)
        lines.append(f"video{number} {n_frames} 25\n")
    for path in frames_of(root, 2):
        with Image.open(path) as image:
            image.resize((90, 50)).save(path)
    write_list(root, "AVAD", "train", "_1", "".join(lines[:3]))
    write_list(root, "AVAD", "test", "_1", lines[3])
    return root


@pytest.fixture
def root(_written, tmp_path):
    """Three videos to train on, of two sizes, one shorter than a clip."""
    return shutil.copytree(_written, tmp_path / "data")


def data_of(root, late, spec=SPEC, **options):
    config = DataConfig(
        {"avad": root},
        **{"batch_size": 2, "val_fraction": 0.1, "clips_per_video": 4, "decode_on_device": late, **options},
    )
    return SaliencyDataModule(config, spec)


def batches(data):
    return [data.on_before_batch_transfer(batch, 0) for batch in data.train_dataloader()]


def same(late, usual):
    assert len(late) == len(usual) > 0
    for one, other in zip(late, usual, strict=True):
        assert one.keys() == other.keys()
        for key, value in other.items():
            if isinstance(value, torch.Tensor):
                assert torch.equal(one[key], value), key
                assert one[key].stride() == value.stride(), key
            else:
                assert one[key] == value, key


@pytest.mark.parametrize(("flip", "antialias"), [(0.0, True), (0.5, True), (1.0, False)])
def test_batches_are_as_ever_with_videos_of_several_sizes(root, flip, antialias):
    spec = dataclasses.replace(SPEC, antialias=antialias)
    late, usual = (data_of(root, late, spec, flip=flip) for late in (True, False))
    assert all(isinstance(clip, EncodedClip) for batch in late.train_dataloader() for clip in batch["frames"])
    same(batches(late), batches(usual))


def test_batches_from_reading_processes_are_as_ever(root):
    same(batches(data_of(root, True, num_workers=1)), batches(data_of(root, False)))


def test_what_is_prepared_or_no_jpeg_is_read_as_usual(root, capsys):
    videos = {video.name: video for video in data_of(root, True).fit_videos()}
    assert len(videos) == 2, "one is set aside"
    prepared, png = videos
    prepare_videos([videos[prepared]], SPEC.size, None, Workers(1))
    late = data_of(root, True)
    same(batches(late), batches(data_of(root, False)))
    assert late.encoded_count() == (1, 2)
    for path in frames_of(root, int(png[-1])):
        with Image.open(path) as image:
            image.save(path, "png")  # the content says what a file is, and not its name
    late = data_of(root, True)
    assert all(isinstance(batch["frames"], torch.Tensor) for batch in late.train_dataloader())
    same(batches(late), batches(data_of(root, False)))
    say_decoded(late)
    say_decoded(data_of(root, False))
    assert capsys.readouterr().out.splitlines() == [
        "the GPU decodes frames of 0 of 2 videos to train on; others come prepared, or are PNG or video files, and are "
        "read as usual"
    ]


def test_inks_are_left_to_the_cpu(root):
    for number in range(3):
        for path in frames_of(root, number):
            with Image.open(path) as image:
                image.convert("CMYK").save(path)
    assert data_of(root, True).encoded_count() == (0, 2)
    same(batches(data_of(root, True)), batches(data_of(root, False)))


def test_an_error_names_the_file(root):
    late = data_of(root, True)
    for number in range(3):
        path = frames_of(root, number)[1]
        content = path.read_bytes()
        path.write_bytes(content[: content.index(b"\xff\xda")])  # the header is there, and no pixels
    with pytest.raises(ValueError, match=r"unreadable image .*img_00002\.jpg \(.*on cpu\); fetch or extract it again"):
        batches(late)
    for number in range(3):
        frames_of(root, number)[1].unlink()
    with pytest.raises(FileNotFoundError, match=r"missing file .*img_00002\.jpg"):
        batches(late)


def test_large_files_count_as_more_frames_in_shared_memory(root):
    videos = data_of(root, True).fit_videos()
    assert frames_in_bytes(videos, dataclasses.replace(SPEC, size=(320, 480))) == 1
    for video in videos:
        with video.frames.path(1).open("ab") as file:
            file.write(bytes(3 * 32 * 48 * 5))
    assert 10 <= frames_in_bytes(videos, SPEC) <= 12


class Seeing(LightningModule):
    """Keeps the batches that it is trained on."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.seen = []

    def training_step(self, batch, index):
        self.seen.append(batch)
        return self.weight.sum()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


@pytest.mark.filterwarnings("ignore")
def test_lightning_brings_decoded_batches(root):
    seen = []
    for late in (True, False):
        module = Seeing()
        quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
        trainer = Trainer(max_epochs=1, accelerator="cpu", limit_val_batches=0, enable_model_summary=False, **quiet)
        trainer.fit(module, data_of(root, late))
        seen.append(module.seen)
    same(*seen)

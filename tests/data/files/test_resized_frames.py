"""Frames by the filter that a spec asks for, whoever reads them: Pillow's, bit for bit."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import write_video
from PIL import Image
from streamed import frames_of
from torchvision.io import decode_image

from avsal_bench.data.clips.data_config import DataConfig
from avsal_bench.data.clips.datamodule import SaliencyDataModule
from avsal_bench.data.clips.encoded import read_encoded
from avsal_bench.data.clips.items import read_item
from avsal_bench.data.clips.stream import Stream
from avsal_bench.data.dataset import dataset
from avsal_bench.data.files.frames import read_frames, resized
from avsal_bench.data.files.prepare import prepare_videos
from avsal_bench.spec import ClipSpec
from avsal_bench.workers import Workers

PILLOW = {"lanczos": Image.LANCZOS, "bicubic": Image.BICUBIC}
SPEC = ClipSpec(3, (10, 18))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("resized")
    write_video(root, "ETMD_av", "a", 6, size=(24, 32))
    write_video(root, "ETMD_av", "b", 6, size=(24, 32), seed=1)
    (root / "fold_lists").mkdir()
    (root / "fold_lists/ETMD_av_list_train_1_fps.txt").write_text("a 6 25\n")
    (root / "fold_lists/ETMD_av_list_test_1_fps.txt").write_text("b 6 25\n")
    return root


def by_pillow(video, number, size, by):
    picture = decode_image(str(video.frames.path(number))).permute(1, 2, 0).numpy()
    small = Image.fromarray(picture).resize((size[1], size[0]), PILLOW[by])
    return torch.from_numpy(np.array(small)).permute(2, 0, 1)


@pytest.mark.parametrize("by", ["lanczos", "bicubic"])
@pytest.mark.parametrize("size", [(10, 18), (48, 40), (24, 32), (7, 64)], ids=str)
def test_pictures_are_resized_by_pillow_bit_for_bit(root, by, size):
    (video,) = dataset("etmd", root).videos(root, "test", 1)
    found = read_frames(video, [2, 5, 2], size, by=by)
    assert torch.equal(found, torch.stack([by_pillow(video, number, size, by) for number in (2, 5, 2)], 1))
    assert found.is_contiguous()


@pytest.mark.parametrize("by", ["lanczos", "bicubic"])
def test_who_trains_and_who_predicts_see_these_frames(root, by):
    (video,) = dataset("etmd", root).videos(root, "test", 1)
    spec = replace(SPEC, filter=by)
    want = torch.stack([by_pillow(video, number, spec.size, by) for number in range(1, 7)])
    assert torch.equal(read_item(video, 4, spec)["frames"], want[1:4].transpose(0, 1))
    for batch in Stream([video], [(0, range(1, 7))], spec, 4):
        expected = torch.stack([want[[number - 1 for number in window]] for window in batch["window"]])
        assert torch.equal(frames_of(batch), expected.transpose(1, 2))
    assert read_encoded(video, [1], SPEC) is not None
    assert read_encoded(video, [1], spec) is None, "no GPU resizes so"


def test_the_prepared_form_holds_no_such_frames(root):
    (video,) = dataset("etmd", root).videos(root, "test", 1)
    spec = replace(SPEC, filter="lanczos")
    prepare_videos([video], spec.size, None, Workers(1))
    assert torch.equal(read_item(video, 4, spec)["frames"][:, 2], by_pillow(video, 4, spec.size, "lanczos"))
    plain, other = (SaliencyDataModule(DataConfig({"etmd": root}), one).prepared_count() for one in (SPEC, spec))
    assert (plain, other) == ((1, 2), (0, 0)), "nobody is told to prepare what would not be read"


def test_cubics_of_sixteen_pixels_are_those_of_opencv_but_for_rounding():
    """Its weights, a = -0.75, at the middles of pixels; the edge is repeated."""
    picture = torch.randint(0, 256, (3, 12, 9), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)

    def weights(n, m):
        rows = torch.zeros(m, n)
        for i in range(m):
            at = (i + 0.5) * n / m - 0.5
            for k in range(int(np.floor(at)) - 1, int(np.floor(at)) + 3):
                x, a = abs(at - k), -0.75
                near = (a + 2) * x**3 - (a + 3) * x**2 + 1
                far = a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a
                rows[i, min(max(k, 0), n - 1)] += near if x <= 1 else far
        return rows

    want = (weights(12, 5) @ picture.float() @ weights(9, 20).T).clamp(0, 255)
    found = resized(picture, (5, 20), antialias=False, by="bicubic")
    assert (found.float() - want).abs().max() <= 1
    assert not torch.equal(found, resized(picture, (5, 20), antialias=True, by="bicubic"))


def test_a_filter_that_there_is_not():
    with pytest.raises(ValueError, match="filter: expected bilinear, bicubic, lanczos, got 'nearest'"):
        ClipSpec(3, (10, 18), filter="nearest")
    with pytest.raises(ValueError, match=r"filter: lanczos always filters .* leave antialias at True"):
        ClipSpec(3, (10, 18), filter="lanczos", antialias=False)

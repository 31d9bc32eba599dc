"""Maps of films, folders and arrays in memory."""

import numpy as np
import pytest
import soundfile
import torch
from encoded import sound
from PIL import Image
from predicted import FPS, write_checkpoint, write_film
from torch import nn

import avsal_bench
from avsal_bench import ClipSpec
from avsal_bench.data.files.frames import read_frames
from avsal_bench.prediction import open_film

N = 9
FRAMES = np.random.default_rng(0).integers(0, 256, (6, 24, 32, 3), dtype=np.uint8)


class Brightness(nn.Module):
    """A module of a user: no class of this package, no sound."""

    spec = ClipSpec(frames=1, size=(24, 32), mean=(0, 0, 0), std=(1, 1, 1))

    def forward(self, frames):
        """``(B, 3, 1, h, w)`` to ``(B, h, w)``."""
        return frames.mean(1)[:, 0]


def write_frames(folder, frames=FRAMES, name="shot_{}.png", first=1):
    folder.mkdir()
    for number, frame in enumerate(frames, first):
        Image.fromarray(frame).save(folder / name.format(number))
    return folder


def test_an_array_and_a_folder_of_frames_get_the_maps_of_the_module(tmp_path):
    wanted = FRAMES.mean(3) / 255
    maps = avsal_bench.predict(FRAMES, Brightness(), batch_size=4)
    assert (maps.shape, maps.dtype) == ((6, 24, 32), np.float32)
    np.testing.assert_allclose(maps, wanted, atol=1e-6)
    # 10 comes after 9, whatever the alphabet says; what other programs left is no frame.
    folder = write_frames(tmp_path / "film", first=6)
    (folder / "._shot_6.png").touch()
    (folder / "notes.txt").touch()
    np.testing.assert_array_equal(avsal_bench.predict(str(folder), Brightness(), batch_size=4), maps)
    np.testing.assert_array_equal(avsal_bench.predict(torch.from_numpy(FRAMES), Brightness(), batch_size=4), maps)


def test_files_that_changed_are_read_again(tmp_path):
    folder = write_frames(tmp_path / "film")
    before = avsal_bench.predict(folder, Brightness())
    Image.fromarray(255 - FRAMES[0]).save(folder / "shot_1.png")
    after = avsal_bench.predict(folder, Brightness())
    np.testing.assert_allclose(before[0] + after[0], 1, atol=1e-6)
    np.testing.assert_array_equal(before[1:], after[1:])


def test_a_stream_gives_one_map_at_a_time_and_looks_at_the_arguments_at_once(tmp_path):
    maps = avsal_bench.predict(FRAMES, Brightness(), size=(12, 16), stream=True, progress=True)
    assert [one.shape for one in maps] == [(12, 16)] * 6
    assert avsal_bench.predict(FRAMES, "centre", size="video").shape == (6, 24, 32)
    with pytest.raises(FileNotFoundError, match="missing video"):
        avsal_bench.predict(tmp_path / "film.mp4", "centre", stream=True)


def test_a_network_is_in_its_mode_again_on_its_device():
    class Half(Brightness):
        def __init__(self):
            super().__init__()
            self.drop, self.norm = nn.Dropout(), nn.BatchNorm3d(3).eval()

        def forward(self, frames):
            assert not self.training
            return frames.mean(1)[:, 0]

    net = Half()
    first = next(avsal_bench.predict(FRAMES, net, stream=True))
    assert first.shape == (24, 32)
    assert net.training, "given up after the first map"
    avsal_bench.predict(FRAMES, net)
    assert (net.training, net.drop.training, net.norm.training) == (True, True, False)


def test_a_network_that_two_films_use_at_a_time_predicts_to_the_end_of_both():
    class Normed(Brightness):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm3d(3)

        def forward(self, frames):
            return self.norm(frames).mean(1)[:, 0].exp()

    net, other = Normed(), FRAMES[::-1]
    before = {key: value.clone() for key, value in net.state_dict().items()}
    wanted = [avsal_bench.predict(film, net) for film in (FRAMES, other)]
    films = [avsal_bench.predict(film, net, batch_size=1, stream=True) for film in (FRAMES, other)]
    found = [[next(film)] for film in films]
    for maps, film in zip(found, films, strict=True):  # the first ends, and the second goes on
        maps += film
    np.testing.assert_array_equal(found, wanted)
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    assert all(part.training for part in net.modules())


def test_a_network_hears_the_sound_of_a_film_a_file_or_samples(tmp_path):
    write_checkpoint(tmp_path / "av.ckpt", "av")
    net = avsal_bench.create_model("avrsp", pretrained=tmp_path / "av.ckpt")
    film = write_film(tmp_path / "film.mkv", N)
    of_film = avsal_bench.predict(film, tmp_path / "av.ckpt", batch_size=N)
    frames = read_frames(open_film(film), range(1, N + 1), None).permute(1, 2, 3, 0).numpy()
    samples = sound(1, N, FPS, 44100)
    heard = avsal_bench.predict(frames, net, fps=25, sound=samples, sample_rate=44100, batch_size=N)
    np.testing.assert_allclose(heard, of_film, atol=1e-6)
    soundfile.write(tmp_path / "sound.wav", samples, 44100, subtype="FLOAT")
    of_file = avsal_bench.predict(frames, net, fps=25, sound=str(tmp_path / "sound.wav"), batch_size=N)
    np.testing.assert_array_equal(heard, of_file)
    silent = avsal_bench.predict(frames, net, muted=True, batch_size=N)
    assert not np.array_equal(heard, silent)
    with pytest.raises(ValueError, match="fps: say how many frames a second there are; avrsp hears"):
        avsal_bench.predict(frames, net)
    with pytest.raises(ValueError, match="no sound, and avrsp hears; give it as `sound`"):
        avsal_bench.predict(frames, net, fps=25)
    with pytest.raises(ValueError, match="s of sound for"):
        avsal_bench.predict(frames, net, fps=25, sound=samples[:1000], sample_rate=44100)
    with pytest.raises(ValueError, match="sample_rate: say how many"):
        avsal_bench.predict(frames, net, fps=25, sound=samples)


class NoSpec(nn.Module):
    def forward(self, frames):
        return frames


class Odd(Brightness):
    def __init__(self, output):
        super().__init__()
        self.output = output

    def forward(self, frames):
        return self.output(frames.mean(1)[:, 0])


@pytest.mark.parametrize(
    ("video", "model", "options", "error", "text"),
    [
        ("nowhere.mp4", "centre", {}, FileNotFoundError, "missing video nowhere.mp4"),
        ("empty", "centre", {}, FileNotFoundError, "no frames in this folder"),
        ("unnumbered", "centre", {}, ValueError, "no number in its name"),
        ("double", "centre", {}, ValueError, "are both of frame"),
        (FRAMES, "center", {}, FileNotFoundError, "unknown network 'center'; did you mean 'centre'"),
        (FRAMES, "mep", {}, ValueError, "cannot predict a video; try centre"),
        (FRAMES, "avrsp", {}, ValueError, "has no published weights"),
        (FRAMES, 3, {}, TypeError, "expected a network, its name or a file"),
        (FRAMES, NoSpec(), {}, TypeError, "NoSpec has no `spec`; a network needs self.spec = ClipSpec"),
        (FRAMES.astype(float), "centre", {}, TypeError, "expected uint8 RGB"),
        (FRAMES.transpose(0, 3, 1, 2), "centre", {}, ValueError, "transpose them"),
        (FRAMES[0], "centre", {}, ValueError, r"expected an array \(N, height, width, 3\)"),
        (FRAMES, "centre", {"device": "cuda:9"}, ValueError, "no device 'cuda:9' here"),
        (FRAMES, "centre", {"batch_size": 0}, ValueError, "batch_size: expected a whole number from 1, got 0"),
        (FRAMES, "centre", {"fps": -1}, ValueError, "fps: expected frames a second, above 0"),
        (FRAMES, Odd(lambda maps: maps - 1), {}, ValueError, "Odd gives negative values .*set `logits = True`"),
        (FRAMES, Odd(lambda maps: maps.mean(1)), {}, ValueError, r"Odd should give maps \(6, h, w\)"),
        (FRAMES, Odd(lambda maps: (maps, maps)), {}, ValueError, "one floating-point tensor .*got tuple"),
        (FRAMES, Odd(lambda maps: maps / 0), {}, ValueError, "frame 1: the predicted map holds NaN or infinity"),
    ],
)
def test_what_cannot_be_predicted_is_an_error_with_its_fix(tmp_path, video, model, options, error, text):
    if isinstance(video, str) and "." not in video:
        names = {"empty": [], "unnumbered": ["a.png"], "double": ["a1.png", "b1.png"]}[video]
        video = tmp_path / video
        video.mkdir()
        for name in names:
            (video / name).touch()
    with pytest.raises(error, match=text):
        avsal_bench.predict(video, model, **options)

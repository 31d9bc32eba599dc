"""Films and posters stay small whatever is in them, and pictures of any form fit beside each other."""

from fractions import Fraction

import av
import numpy as np
from conftest import HOME
from PIL import Image

from avsal_bench.data.dataset import Video
from avsal_bench.data.files.moments import shown_at
from avsal_bench.data.pictures.show import Track
from avsal_bench.data.places import NumberedFiles
from avsal_bench.leaderboard.films.film_places import MOST_POSTER
from avsal_bench.prediction.viewing.side_by_side_film import joined, pane_size, side_by_side
from avsal_bench.prediction.viewing.small_film import shrink_film, write_poster

N = 6


def noise(path):
    """A film of noise with sound, of three seconds."""
    nothing = NumberedFiles(HOME, "", 5, "")
    video = Video("mine", "noise", N, 2.0, nothing, nothing, nothing, None)
    rng = np.random.default_rng(0)
    sound = (0.3 * np.sin(np.arange(48000 * 3) / 20)).astype(np.float32)
    with side_by_side(path, video, Track(sound, 48000)) as film:
        for _ in range(N):
            film.add(Image.fromarray(rng.integers(0, 256, (96, 128, 3), dtype=np.uint8)))
    return video


def packets(path):
    with av.open(str(path)) as film:
        times = [frame.pts * frame.time_base for frame in film.decode(video=0)]
    with av.open(str(path)) as film:
        return times, [bytes(packet) for packet in film.demux(audio=0) if packet.size]


def test_a_film_that_is_too_large_is_made_coarser_with_its_times_and_its_sound(tmp_path):
    path = tmp_path / "noise.webm"
    video = noise(path)
    size, (times, sound) = path.stat().st_size, packets(path)
    assert times == [Fraction(round(1000 * shown_at(video, n)), 1000) for n in range(1, N + 1)]
    whole = path.read_bytes()
    shrink_film(path, size)
    assert path.read_bytes() == whole, "it is small enough"
    shrink_film(path, size - 9000)
    assert path.stat().st_size <= size - 9000
    assert packets(path) == (times, sound)
    shrink_film(path, 10)
    assert packets(path) == (times, sound), "the coarsest is kept"
    assert [one.name for one in tmp_path.iterdir()] == ["noise.webm"]


def test_a_poster_of_noise_is_small(tmp_path):
    write_poster(tmp_path / "a.jpg", Image.effect_noise((740, 320), 90).convert("RGB"))
    assert (tmp_path / "a.jpg").stat().st_size <= MOST_POSTER


def test_narrow_panes_have_room_for_their_names():
    size = pane_size((640, 60))
    assert size == (240, 22)
    whole = joined({name: np.full((*size, 3), 255, np.uint8) for name in ("a", "b")}, size)
    assert whole.size == (2 * 120 + 4, 260)
    assert np.asarray(whole)[100, 60].tolist() == [255, 255, 255], "in the middle of its place"
    assert pane_size((2, 4000)) == (2, 240)

"""Maps as films: `avsal evaluate` reads one a video, with the scores of the pictures in it; what is wrong is told."""

import re
import shutil

import av
import numpy as np
import pytest
import torch
from conftest import write_list
from map_film_files import CODECS, extract, moving, write_map_film
from PIL import Image
from scipy.io import savemat

from avsal_bench.bench.evaluate import Submission, evaluate
from avsal_bench.bench.workspace import Workspace
from avsal_bench.evaluation import maps as reading
from avsal_bench.evaluation.inspection import inspect
from avsal_bench.evaluation.map_films import FilmWriter, to_range_one
from avsal_bench.evaluation.maps import read_map, runs_of_one_shape
from avsal_bench.evaluation.pairing import find_maps
from avsal_bench.evaluation.protocol import PROTOCOLS
from avsal_bench.records import read_record
from avsal_bench.workers import Workers

N, SIZE = 6, (36, 64)
#: Of the videos of the set, the last one of which stands upright.
KINDS = ["mp4", "deep.mkv", "webm"]


def size_of(seed):
    return SIZE[::-1] if seed == len(KINDS) - 1 else SIZE


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Three videos of AVAD."""
    root = tmp_path_factory.mktemp("data")
    for seed in range(len(KINDS)):
        (root / "video_frames" / "AVAD" / f"v{seed}").mkdir(parents=True)
        folder = root / "annotations" / "AVAD" / f"v{seed}"
        (folder / "maps").mkdir(parents=True)
        for n, saliency in enumerate(moving(N, size_of(seed), seed), 1):
            Image.fromarray((saliency * 255).astype(np.uint8)).save(folder / "maps" / f"eyeMap_{n:05d}.jpg")
            savemat(folder / f"fixMap_{n:05d}.mat", {"eyeMap": (saliency > 0.9).astype(np.uint8)})
    write_list(root, "AVAD", "test", "_1", "".join(f"v{seed} {N} 25\n" for seed in range(len(KINDS))))
    return root


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """A film of each kind, and the pictures in it."""
    folder = tmp_path_factory.mktemp("maps")
    for seed, kind in enumerate(KINDS):
        film = folder / "films" / f"v{seed}.{kind.rpartition('.')[2]}"
        write_map_film(film, [m**2 for m in moving(N, size_of(seed), seed + 1)], kind)
        extract(film, folder / "pictures" / f"v{seed}")
    return folder


@pytest.fixture
def scored(root, tmp_path):
    space = Workspace(tmp_path, root, None, tmp_path / "runs", tmp_path / "leaderboard")

    def score(maps, name="mine", **options):
        rule = PROTOCOLS[options.pop("protocol", "raw")]
        return read_record(evaluate(Submission(maps, name, "avad", 1), rule, space, Workers(0), **options))

    return score


@pytest.fixture
def own(films, tmp_path):
    """A copy of the films, which a test may spoil."""
    return shutil.copytree(films / "films", tmp_path / "own")


@pytest.mark.parametrize("kind", CODECS)
def test_a_picture_of_a_film_is_what_ffmpeg_writes_of_it(tmp_path, kind):
    film = write_map_film(tmp_path / f"a.{kind.rpartition('.')[2]}", moving(3, (34, 50)), kind)
    extract(film, tmp_path / "a")
    for n in (3, 1, 2):
        by_film, by_picture = read_map(film, n), read_map(tmp_path / "a" / f"{n:03d}.png")
        assert by_film.dtype == by_picture.dtype == (torch.float32 if "deep" in kind else torch.uint8)
        assert torch.equal(by_film, by_picture)


@pytest.mark.parametrize("protocol", ["stavis", "dhf1k"])
def test_films_score_as_the_pictures_in_them_to_the_last_bit(films, scored, protocol):
    by_film = scored(films / "films", "films", protocol=protocol)
    by_picture = scored(films / "pictures", "pictures", protocol=protocol)
    assert by_film.videos == by_picture.videos
    assert len(by_film.videos) == len(KINDS)
    assert by_film.provenance["maps"]["films"] == len(KINDS)
    assert by_film.provenance["maps"]["kinds"] == by_picture.provenance["maps"]["kinds"]


def test_a_film_is_decoded_once_and_in_bounded_memory(films, scored, monkeypatch):
    decoded = []
    real = reading.read_levels

    def counted(path, numbers):
        decoded.append((path.name, *numbers))
        return real(path, numbers)

    monkeypatch.setattr(reading, "read_levels", counted)
    monkeypatch.setattr(reading, "FILM_PIXELS", 2 * SIZE[0] * SIZE[1])
    files = dict.fromkeys(range(1, N + 1), films / "films" / "v0.mp4")
    together = [len(frames) for frames, _ in runs_of_one_shape(files, 32)]
    assert together == [2, 2, 2]
    decoded.clear()
    scored(films / "films")
    # And the first picture before any work starts.
    assert [n for name, n in decoded if name == "v0.mp4"] == [1, *range(1, N + 1)]


def test_what_a_record_is_made_of_follows_the_film(own, scored, films):
    scored(own)
    write_map_film(own / "v0.mp4", moving(N, SIZE, 3))
    with pytest.raises(ValueError, match="made of other maps"):
        scored(own)
    assert scored(own, force=True).provenance["made_of"]["maps"]


def cut(film, n):
    write_map_film(film, moving(N + n, SIZE, 1))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda own: cut(own / "v0.mp4", -2), r"v0: frames 5-6; v0\.mp4 has 4 pictures"),
        (lambda own: (own / "v0.mp4").write_bytes(b"no film"), r"v0\.mp4: "),
        (lambda own: (own / "v0.mp4").write_bytes(b""), r"v0\.mp4: an empty file"),
        (
            lambda own: write_map_film(own / "v0.mp4", moving(N), colour=np.array([0.2, 0.9])),
            r"v0\.mp4: frame 1 is a picture in colours, its channels are up to \d+ of 255 apart",
        ),
        (lambda own: (own / "v0.mp4").unlink(), "v0: all 6 frames"),
    ],
    ids=["short", "damaged", "empty", "colours", "missing"],
)
def test_what_keeps_a_film_from_being_scored(own, scored, capsys, spoil, message):
    spoil(own)
    with pytest.raises(ValueError, match="missing or unreadable"):
        scored(own)
    assert re.search(message, capsys.readouterr().out)


def test_what_is_there_of_a_short_film_may_be_scored(own, scored):
    cut(own / "v0.mp4", -2)
    (own / "v2.webm").unlink()
    record = scored(own, allow_missing=True)
    assert [video.frames for video in record.videos] == [4, 6, 0]


def test_colours_in_the_middle_of_a_film_are_found_when_it_is_read(own, scored, capsys):
    (own / "v1.mkv").unlink()
    colours = np.array([[0.5, 0.5]] * 3 + [[0.1, 0.9]] + [[0.5, 0.5]] * 2)
    film = own / "v1.mkv"
    height, width = SIZE
    with av.open(str(film), "w") as opened:
        stream = opened.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv444p"
        for saliency, tint in zip(moving(N), colours, strict=True):
            planes = np.stack([16 + 219 * saliency, *(np.full(SIZE, 16 + 224 * t) for t in tint)]).astype(np.uint8)
            opened.mux(stream.encode(av.VideoFrame.from_ndarray(planes, format="yuv444p")))
        opened.mux(stream.encode(None))
    for _ in range(2):  # nothing is kept of it
        with pytest.raises(ValueError, match="pictures of films are no maps, see above"):
            scored(own)
        assert "v1.mkv: frame 4 is a picture in colours" in capsys.readouterr().out
    record = scored(own, allow_missing=True)
    (video,) = (video for video in record.videos if video.video == "v1")
    assert (video.frames, video.skipped) == (N - 1, 1)
    assert record.provenance["maps"]["unreadable"] == 1


def test_maps_that_are_the_same_everywhere_are_named(own, scored, capsys):
    maps = moving(N)
    maps[2] = maps[3] = np.zeros(SIZE)
    write_map_film(own / "v1.mkv", maps)
    record = scored(own)
    assert "v1.mkv: frames 3-4, maps that are the same everywhere" in capsys.readouterr().out
    assert [video.constant for video in record.videos] == [0, 2, 0]


def test_what_is_told_of_films_and_does_not_stop_anything(own, scored, capsys):
    cut(own / "v0.mp4", 2)
    shutil.copy(own / "v0.mp4", own / "v9.mp4")
    (own / "v1.mkv").unlink()
    for n, saliency in enumerate(moving(N), 1):
        (own / "v1").mkdir(exist_ok=True)
        Image.fromarray((saliency * 255).astype(np.uint8)).save(own / "v1" / f"{n}.png")
    scored(own)
    out = capsys.readouterr().out
    assert "v0.mp4: frames 7-8; the list has 6" in out
    assert "  v9.mp4\n" in out
    assert (
        "mixed, films for some videos and a file a frame for others (1)\n  2 films, and a file a frame for 1 video: v1"
        in out
    )


def test_turned_and_misshapen_films_are_errors(own, scored, capsys):
    write_map_film(own / "v0.mp4", [m.T for m in moving(N)])
    with pytest.raises(ValueError, match="do not have the shape of their ground truth"):
        scored(own)
    assert "v0: 64x36 in frames 1-6, ground truth 36x64; they look transposed" in capsys.readouterr().out


@pytest.mark.parametrize("other", ["v0.mkv", "v0/1.png", "AVAD/v0.webm", "maps/v0.MP4"])
def test_two_places_of_one_video_are_an_error(own, root, other):
    from avsal_bench.data.dataset import dataset

    (own / other).parent.mkdir(exist_ok=True)
    (own / other).write_bytes(b"x")
    video = dataset("avad").videos(root, "test", 1)[0]
    with pytest.raises(ValueError, match=r"may both hold its maps; leave one of them"):
        find_maps(own, video)


def test_a_film_in_each_folder_is_found(films, root, tmp_path):
    from avsal_bench.data.dataset import dataset

    video = dataset("avad").videos(root, "test", 1)[0]
    for place in ("v0.mp4", "AVAD/v0.MP4", "avad/v0.mov", "maps/v0.avi"):
        folder = tmp_path / place.replace("/", "-").replace(".", "-")
        path = folder / place
        path.parent.mkdir(parents=True)
        shutil.copy(films / "films" / "v0.mp4", path)
        assert find_maps(folder, video).film == path
        assert inspect(folder, [video], Workers(0)).complete


# Writing.


@pytest.mark.parametrize(
    ("name", "bits", "size", "apart"),
    [
        ("a.mp4", 10, SIZE, 0.02),
        ("a.mp4", 8, SIZE, 0.03),
        ("a.mkv", 10, SIZE, 1e-5),
        ("a.mp4", 10, (35, 63), 0.02),
        ("a.mkv", 10, (35, 63), 1e-5),
    ],
)
def test_a_film_that_is_written_holds_the_maps(tmp_path, name, bits, size, apart):
    maps = torch.from_numpy(np.stack(moving(N, size))).float() * 7 + 3
    maps[1] = 5.0
    for path in (tmp_path / name, tmp_path / "again" / name):
        with FilmWriter(path, 30000 / 1001, bits) as film:
            film.add(maps[:2])
            film.add(maps[2:])
    assert (tmp_path / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    with av.open(str(tmp_path / name)) as opened:
        assert str(opened.streams.video[0].average_rate) == "30000/1001"
    for n, saliency in enumerate(maps, 1):
        read = read_map(tmp_path / name, n)
        read = read.double() / (255 if read.dtype == torch.uint8 else 1)
        assert (read - to_range_one(saliency)).abs().max() < apart
    with pytest.raises(ValueError, match=rf"{name}: no frame 7, the file has 6"):
        read_map(tmp_path / name, N + 1)


def test_a_film_is_there_whole_or_not_at_all(tmp_path):
    maps = torch.rand(3, *SIZE)

    def stopped(path):
        with FilmWriter(path, 25) as film:
            film.add(maps)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped(tmp_path / "a.mp4")
    film = FilmWriter(tmp_path / "b.mkv", 25)
    film.add(maps)
    film.give_up()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match=r"c\.mp4: no map was written"), FilmWriter(tmp_path / "c.mp4", 25):
        pass
    film = FilmWriter(tmp_path / "d.mp4", 25)
    film.add(maps)
    with pytest.raises(ValueError, match=r"d\.mp4: map 4 is 20x30, those before it 36x64; a film has one size"):
        film.add(torch.rand(1, 20, 30))
    film.give_up()
    with pytest.raises(ValueError, match=r"e\.avi: films of maps are written as mp4 or mkv"):
        FilmWriter(tmp_path / "e.avi", 25)
    with pytest.raises(ValueError, match="pictures a second, above 0, got nan"):
        FilmWriter(tmp_path / "e.mp4", float("nan"))
    assert list(tmp_path.iterdir()) == []

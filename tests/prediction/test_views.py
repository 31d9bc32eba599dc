"""`avsal predict --view`: films to look at, in a folder that opens from the disk."""

import av
import pytest
from predicted import N, predict, write_checkpoints, write_film, write_wav

from avsal_bench.leaderboard.films.film_form import read_films


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    return write_checkpoints(tmp_path_factory.mktemp("trained"))


@pytest.fixture
def film(tmp_path):
    return write_film(tmp_path / "film.mp4")


def look(film, tmp_path, checkpoints, modality="av", *more):
    wav, folder = write_wav(tmp_path / "film.wav"), tmp_path / "look"
    heard = [] if "--muted" in more else ["--audio", wav]
    return folder, predict(film, "--weights", checkpoints[modality][1], *heard, "-o", folder, "--view", *more)


@pytest.mark.parametrize(("modality", "panes"), [pytest.param("av", 4, marks=pytest.mark.slow), ("v", 2)])
def test_a_film_with_its_maps_and_its_sound(film, tmp_path, checkpoints, modality, panes):
    folder, code = look(film, tmp_path, checkpoints, modality)
    assert code == 0
    found = read_films(folder)
    [shown] = found.films
    assert len(shown.panes) == panes
    assert not shown.curves, "nobody knows where people looked"
    assert len(shown.starts) == N
    with av.open(str(folder / shown.file)) as container:
        assert [stream.codec.canonical_name for stream in container.streams.video] == ["vp9"]
        assert [stream.codec.canonical_name for stream in container.streams.audio] == ["opus"]
        assert sum(1 for _ in container.decode(video=0)) == N
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert f'src="{shown.file}"' in page


@pytest.mark.slow
def test_a_second_run_makes_nothing_anew_and_a_damaged_film_again(film, tmp_path, checkpoints, capsys):
    folder, _ = look(film, tmp_path, checkpoints, "v")
    [shown] = read_films(folder).films
    path, whole = folder / shown.file, (folder / shown.file).read_bytes()
    made = path.stat().st_mtime_ns
    assert look(film, tmp_path, checkpoints, "v")[1] == 0
    assert "1 of 1 film were there" in capsys.readouterr().out
    assert path.stat().st_mtime_ns == made
    path.write_bytes(whole[:-9])
    assert look(film, tmp_path, checkpoints, "v")[1] == 0
    assert path.read_bytes() == whole, "the same bytes"


def test_a_folder_of_others_is_left_alone(film, tmp_path, checkpoints):
    folder = tmp_path / "look"
    folder.mkdir()
    (folder / "holiday.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"holds other things, such as holiday\.txt"):
        look(film, tmp_path, checkpoints, "v")
    assert [path.name for path in folder.iterdir()] == ["holiday.txt"]


@pytest.mark.slow
def test_films_of_something_else_are_replaced_when_asked(film, tmp_path, checkpoints):
    folder = tmp_path / "look"
    look(film, tmp_path, checkpoints, "v")
    made = (folder / "made_of.json").read_text()
    with pytest.raises(ValueError, match=r"holds films made otherwise .*--force"):
        look(film, tmp_path, checkpoints, "v", "--muted", "--weights", checkpoints["av"][1])
    assert (folder / "made_of.json").read_text() == made
    look(film, tmp_path, checkpoints, "v", "--muted", "--weights", checkpoints["av"][1], "--force")
    assert read_films(folder).network == "avrsp_av"


@pytest.mark.parametrize(
    ("more", "said"),
    [(["--form", "png"], "--view: it goes without --form"), (["-o", "look.mp4"], "--view fills a folder")],
)
def test_what_nobody_can_mean(film, tmp_path, checkpoints, more, said):
    with pytest.raises(ValueError, match=said):
        look(film, tmp_path, checkpoints, "v", *more)

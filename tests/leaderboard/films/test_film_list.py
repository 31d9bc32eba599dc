"""The list of films in a folder: what is written is read, and what is wrong is refused by its name."""

import json

import pytest
from conftest import HOME
from made_records import make

from avsal_bench.files import sha256
from avsal_bench.leaderboard.films.film_form import Film, FilmList, file_stem, read_films, row_name, write_films
from avsal_bench.leaderboard.films.film_places import MOST_FILM, folder_in_leaderboard, page_films
from avsal_bench.leaderboard.page.board import read_board
from avsal_bench.leaderboard.page.film_page import film_page
from avsal_bench.leaderboard.page.html import html_page
from avsal_bench.leaderboard.page.readme import write_leaderboard

WEBM, JPEG = b"\x1a\x45\xdf\xa3" + bytes(40), b"\xff\xd8\xff" + bytes(40)


def write_folder(folder, synthetic=True, webm=WEBM, **changes):
    folder.mkdir(parents=True)
    (folder / "a.webm").write_bytes(webm)
    (folder / "a.jpg").write_bytes(JPEG)
    film = {
        "video": "a <b>",
        "file": "a.webm",
        "sha256": sha256(folder / "a.webm"),
        "poster_sha256": sha256(folder / "a.jpg"),
        "category": "timbre",
        "why": "asked for",
        "panes": ("the frame", "the map"),
        "sound": "the true sound of the video",
        "seconds": 0.08,
        "starts": (0.0, 0.04),
        "curves": {"CC": {"true sound": [0.5, None], "muted": [0.25, 0.75]}},
        "belongs": (True, False),
    }
    about = (
        "a net",
        row_name("stavis", "synth", "net_av", "smoke"),
        "net (av)",
        "Synth",
        1,
        0,
        synthetic,
        "avsal show",
    )
    films = FilmList(*about, films=(Film(**film | changes),))
    write_films(folder, films)
    return films


def test_what_is_written_is_read(tmp_path):
    films = write_folder(tmp_path / "films")
    assert read_films(tmp_path / "films") == films


@pytest.mark.parametrize(
    ("where", "value", "said"),
    [
        ("file", "../a.webm", "plain name"),
        ("file", "a.html", "ends in .webm"),
        ("sha256", "0" * 63, "SHA-256"),
        ("sha256", "0" * 64, "a.webm: is not the file"),
        ("starts", [0.0], "belongs of a.webm"),
        ("starts", "0", "starts should be a list"),
        ("seconds", -1, "seconds should be a number"),
        ("curves", {"CC": {"true sound": [0.5]}}, "1 value for 2 frames"),
        ("curves", {"AUC": {}}, "curves are of CC and NSS"),
        ("curves", [], "no list of films"),
        ("video", "a" * 401, "at most 400 characters"),
        ("video", "a\u202eb", "one line of text"),
        ("belongs", [1, 0], "true or false"),
        ("script", "alert(1)", "unknown key 'script'"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, where, value, said):
    folder = tmp_path / "films"
    write_folder(folder)
    plain = json.loads((folder / "films.json").read_text())
    plain["films"][0][where] = value
    (folder / "films.json").write_text(json.dumps(plain))
    with pytest.raises((ValueError, FileNotFoundError), match="films") as error:
        read_films(folder)
    assert said in str(error.value)


def test_a_film_is_what_its_name_says(tmp_path):
    write_folder(tmp_path / "films", webm=b"<html><script>alert(1)</script>")
    with pytest.raises(ValueError, match=r"a\.webm: is no WebM film"):
        read_films(tmp_path / "films")


def test_missing_and_linked_files(tmp_path):
    folder = tmp_path / "films"
    write_folder(folder)
    (folder / "a.jpg").rename(tmp_path / "elsewhere.jpg")
    with pytest.raises(FileNotFoundError, match=r"a\.jpg: is in films\.json"):
        read_films(folder)
    (folder / "a.jpg").symlink_to(tmp_path / "elsewhere.jpg")
    with pytest.raises(FileNotFoundError, match=r"a\.jpg"):
        read_films(folder)


def test_the_page_shows_what_may_be_shown_and_tells_of_the_rest(tmp_path, capsys):
    board = tmp_path / "leaderboard"
    good = write_folder(board / "films" / "synth" / "net")
    write_folder(board / "films" / "synth" / "real", synthetic=False)
    write_folder(board / "films" / "synth" / "large", webm=WEBM + bytes(MOST_FILM))
    (board / "films" / "synth" / "broken").mkdir()
    (board / "films" / "synth" / "broken" / "films.json").write_text("[" * 1000)
    (board / "films" / "synth" / "<script>").mkdir()
    (board / "films" / "synth" / "linked").symlink_to(board / "films" / "synth" / "net")
    assert page_films(board) == [("films/synth/net/", good)]
    said = capsys.readouterr().err
    assert "real" in said
    assert "at most 300,000" in said
    assert "broken" in said
    assert page_films(tmp_path / "nowhere") == []


def test_films_of_real_sets_stay_where_they_are(tmp_path):
    with pytest.raises(ValueError, match="its frames are its authors'"):
        folder_in_leaderboard(tmp_path, make([0.5, 0.6], "avrsp", "av", "diem"))


def test_the_page_runs_nothing_but_its_own_scripts(tmp_path):
    page = film_page(write_folder(tmp_path / "films"))
    assert "default-src 'none'" in page
    assert "a &lt;b&gt;" in page
    assert "<b>" not in page
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "").replace("http-equiv", "")
    assert 'preload="none"' in page, "a film is loaded when it is asked for"


def test_names_of_files_are_plain():
    assert [file_stem(name) for name in ("a/b", "..", "-x", "ü")] == ["a_b", "v..", "v-x", "v_"]


def test_a_leaderboard_with_films_shows_them_and_one_without_loads_nothing(tmp_path):
    board = tmp_path / "leaderboard"
    board.mkdir()
    assert "media-src" not in html_page(read_board(board))
    write_folder(board / "films" / "synth" / "net")
    page = html_page(read_board(board))
    assert "media-src data: 'self' file:;" in page
    assert 'src="films/synth/net/a.webm"' in page
    assert '"rows":{"stavis/synth/net_av/smoke":["films/synth/net/a.webm"]}' in page
    assert "a &lt;b&gt;" in page


def test_pages_of_films_are_made_anew_with_the_leaderboard(tmp_path):
    films = write_folder(tmp_path / "films" / "synth" / "net")
    write_folder(tmp_path / "films" / "synth" / "damaged", synthetic=False)
    page, left = (tmp_path / "films" / "synth" / name / "index.html" for name in ("net", "damaged"))
    page.write_text("an older style, or a page of a stranger")
    assert page in write_leaderboard(tmp_path)
    assert page.read_text(encoding="utf-8") == film_page(films)
    assert not left.exists(), "what is left out of the page is left alone"


def test_the_committed_page_of_films_is_what_is_made_of_them():
    for place, films in page_films(HOME / "leaderboard"):
        assert (HOME / "leaderboard" / place / "index.html").read_text(encoding="utf-8") == film_page(films)

"""Sets by eye tracking and by mouse share no table, rank or mean, and rows say what their training saw of the set."""

import csv
import re
from dataclasses import replace
from pathlib import Path

import pytest
from made_records import PUBLISHED, changed, check, hand_in, make, put, save, whole

from avsal_bench.cli import main
from avsal_bench.data.dataset import dataset
from avsal_bench.leaderboard import kinds, summary_table, write_leaderboard
from avsal_bench.leaderboard.kinds import UNTOLD, Viewing, viewing_of, viewing_of_set, viewings
from avsal_bench.leaderboard.page.board import overall, read_board
from avsal_bench.leaderboard.published_scores import read_published
from avsal_bench.leaderboard.reports.latex import latex_tables
from avsal_bench.leaderboard.sound_losses import losses_text, sound_losses
from avsal_bench.leaderboard.tables import rows
from avsal_bench.plain_values import read_plain
from avsal_bench.record_story import Seen, nothing_known, seen_of, trained_on_lines
from avsal_bench.records import Record, record_from_json, write_record

FOLDS = (1, 2, 3)


def story(**changes: object) -> dict[str, object]:
    return make([0.5]).provenance | changes


def trained(*sets: str, part: str = "train", **changes: object) -> dict[str, object]:
    learnt = [{"set": s, "part": part, "fold": 1, "use": "fit", "videos": 3, "names": "a" * 64} for s in sets]
    return story(trained_on=nothing_known() | {"known": True, "sets": learnt} | changes)


MINE = {"device": "mouse", "viewers": "12", "heard": True}


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sets by eye, two by mouse, one that does not say it; networks that saw more and less of them."""
    seen = {
        "a": trained("dhf1k"),
        "b": trained("avad", "crowdsal", training_part_seen=True),
        "c": trained("avad", "crowdsal", tested_videos_seen=1, training_part_seen=True),
        "d": story(),
    }
    records = [
        make([0.3 + n / 10, 0.4 + n / 10], model=model, dataset=name, fold=fold, provenance=told)
        for n, (model, told) in enumerate(seen.items())
        for name in ("diem", "avad", "crowdsal", "ntire26", "mine")
        for fold in FOLDS
    ]
    records += [make([0.2, 0.3], model="human_infinite", modality="", fold=fold) for fold in FOLDS]
    return save(tmp_path_factory.mktemp("mixed"), records)


@pytest.fixture(scope="module")
def pages(mixed: Path) -> list[str]:
    """Its README, its numbers and its page."""
    return [path.read_text(encoding="utf-8") for path in write_leaderboard(mixed)]


def test_a_set_says_its_kind_in_its_own_file_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it says of its viewers is what its records without a word, and papers, are taken to mean."""
    assert viewing_of_set("new-test") == viewing_of(make([0.5], dataset="new")) == UNTOLD
    of_papers = {line["dataset"] for line in read_published(PUBLISHED)} - {"", "average"}
    assert {name for name in of_papers if viewing_of_set(name) == UNTOLD} == set()
    told = replace(dataset("crowdsal"), name="new")
    monkeypatch.setattr(kinds, "registered_datasets", lambda: {"new": told})
    assert viewing_of_set("new-test") == viewing_of(make([0.5], dataset="new")) == Viewing("mouse", True)


def test_a_record_tells_the_kind_of_a_set_that_nobody_here_knows() -> None:
    assert viewing_of(make([0.5], dataset="salicon")).words == "mouse, no eye tracker, without sound"
    assert viewing_of(make([0.5], dataset="mine")).device == "unknown"
    assert viewing_of(make([0.5], dataset="mine", provenance=story(viewing=MINE))) == Viewing("mouse", True)
    assert viewing_of(make([0.5], dataset="mine", provenance=story(own_set={"device": "mouse"}))).device == "mouse"
    assert viewing_of(make([0.5], dataset="synth")).device == "simulated"
    # A stranger's word moves no set of this package, but the owner's does one that takes its name.
    assert viewing_of(make([0.5], provenance=story(viewing=MINE))).device == "eye"
    assert viewing_of(make([0.5], provenance=story(viewing=MINE, own_set={"device": "mouse"}))).device == "mouse"


def test_records_of_one_set_are_of_one_kind() -> None:
    mouse = make([0.5], dataset="mine", provenance=story(viewing=MINE))
    silent = make([0.5], dataset="mine", fold=2)
    assert viewings([silent, mouse, silent]) == {("mine", False): Viewing("mouse", True)}
    eye = make([0.5], dataset="mine", fold=3, provenance=story(viewing=MINE | {"device": "eye"}))
    with pytest.raises(ValueError, match=r"mine: one kind of viewing expected, got mouse.* in toy_v, fold 1.*eye trac"):
        rows([mouse, silent, eye])


def test_tables_ranks_and_means_keep_eye_and_mouse_apart(mixed: Path, pages: list[str]) -> None:
    board = read_board(mixed)
    assert [group.viewing.device for group in board.groups] == ["eye", "eye", "mouse", "mouse", "unknown"]
    assert [(found.device, found.datasets) for found in overall(board.groups)] == [
        ("eye", ("diem", "avad")),
        ("mouse", ("crowdsal", "ntire26")),
    ]
    ranks = re.findall(r"<caption>(Mean rank[^<]*)</caption>", pages[2])
    assert ranks == [
        f"Mean rank over data sets, {kind}, protocol stavis" for kind in ("eye tracking", "mouse, no eye tracker")
    ]


def test_headings_say_the_kind_and_whether_viewers_heard(pages: list[str]) -> None:
    readme, table, html = pages
    assert "### CrowdSAL (mouse, no eye tracker, with sound)\n" in readme
    assert "### mine (how it was watched is not told)\n" in readme
    assert "### DHF1K, published (eye tracking, without sound)\n" in readme
    assert ">CrowdSAL</a> <small>mouse, no eye tracker, with sound</small></h3>" in html
    lines = list(csv.DictReader(table.splitlines()))
    assert {(x["device"], x["heard"]) for x in lines if x["dataset"] == "crowdsal"} == {("mouse", "yes")}
    assert {(x["device"], x["heard"]) for x in lines if x["dataset"] == "dhf1k"} == {("eye", "no")}


def test_latex_and_terminal_tables_keep_them_apart_too(mixed: Path) -> None:
    tables = latex_tables(mixed, ["avad", "crowdsal"], ["CC"]).text
    assert tables.count(r"\begin{table}") == 2
    assert r"Measured; mouse, no eye tracker; protocol stavis" in tables
    assert r"\label{tab:measured-stavis-mouse}" in tables
    records = [r for group in read_board(mixed).groups for row in group.rows for r in row.records]
    one = {(r.dataset): r for r in records}
    text = summary_table([one["avad"], one["crowdsal"]]).splitlines()
    assert [text[0], text[4]] == ["Eye tracking", "Mouse, no eye tracker"]
    assert all("avad" not in line for line in text[4:7])
    sounds = [
        make([0.5, x], modality="av", dataset=s, sound=sound)
        for s in ("avad", "crowdsal")
        for sound, x in (("original", 0.6), ("muted", 0.4))
    ]
    told = losses_text(sound_losses(sounds)).splitlines()
    assert [line for line in told if line in ("Eye tracking", "Mouse, no eye tracker")] == [
        "Eye tracking",
        "Mouse, no eye tracker",
    ]


def test_rows_say_what_their_training_saw(mixed: Path, pages: list[str]) -> None:
    found = {(row.head.model, row.head.dataset): row for row in read_board(mixed).table}
    assert [found[m, "avad"].seen for m in "abcd"] == [
        Seen.ZERO_SHOT,
        Seen.TRAINING_PART,
        Seen.TEST_VIDEOS,
        Seen.UNKNOWN,
    ]
    assert found["human_infinite", "avad"].seen is None
    assert [found[m, "avad"].ranked for m in "abcd"] == [True, True, False, True]
    _, table, html = pages
    lines = [x for x in csv.DictReader(table.splitlines()) if x["dataset"] == "avad" and x["source"] == "measured"]
    assert {x["model"]: x["seen_in_training"] for x in lines} == {
        "a": "zero-shot",
        "b": "trained on the training part",
        "c": "saw test videos",
        "d": "unknown",
        "human_infinite": "",
    }
    assert {x["mark"] for x in lines if x["model"] == "c"} == {"saw-test-videos"}
    avad = html.split("<caption>AVAD, protocol stavis")[1].split("</table>")[0].split("</tr>")
    words = {
        name[1]: word[1] if (word := re.search(r'class="mark word"[^>]*>([^<]*)<', line)) else ""
        for line in avad
        if (name := re.search(r'<a class="row"[^>]*>([^<]*)<', line))
    }
    assert words == {
        "a": "zero-shot",
        "b": "training part",
        "c": "test videos",
        "d": "unknown",
        "Human infinite": "",
    }
    assert 'data-seen="trained on the training part"' in html
    assert '<select name="seen">' in html
    assert "zero-shot. dhf1k, part train, fold 1: 3 videos" in html


def test_the_record_that_saw_most_speaks_for_its_row() -> None:
    told = [trained(), trained("avad", training_part_seen=True), story()]
    [row] = rows(make([0.5], fold=k, provenance=one) for k, one in zip(FOLDS, told, strict=True))
    assert row.seen is Seen.UNKNOWN


@pytest.mark.parametrize(
    ("told", "seen"),
    [
        ({}, Seen.UNKNOWN),
        (trained(), Seen.ZERO_SHOT),
        (trained("dhf1k", "diem"), Seen.ZERO_SHOT),
        (trained("avad"), Seen.TRAINING_PART),  # whatever else is claimed
        (trained("avad", part="test"), Seen.TEST_VIDEOS),
        (trained("avad", part="unknown"), Seen.UNKNOWN),
        (trained("dhf1k", known=False), Seen.UNKNOWN),
        (trained("dhf1k", known=False, tested_videos_seen=2), Seen.TEST_VIDEOS),
    ],
)
def test_what_is_not_told_is_not_zero_shot(told: dict[str, object], seen: Seen) -> None:
    assert seen_of(told, "avad") is seen


# strangers


def full(**changes: object) -> Record:
    start = {"name": "vinet_dhf1k", "trained_on": ["kinetics400", "dhf1k/train"]}
    told = trained("dhf1k", weights=[start])
    return whole(
        provenance=whole().provenance
        | {"trained_on": told["trained_on"], "viewing": MINE | {"device": "eye"}}
        | changes
    )


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        (("viewing", "device"), "nose", r"viewing.device should be 'eye', 'mouse', 'simulated' or 'unknown'"),
        (("viewing", "viewers"), "x" * 201, "viewers"),
        (("viewing", "heard"), "yes", "heard"),
        (("viewing", "more"), 1, "unknown key"),
        (("trained_on", "known"), 1, "known"),
        (("trained_on", "tested_videos_seen"), -1, "tested_videos_seen"),
        (("trained_on", "sets"), [{}] * 201, "sets"),
        (("trained_on", "sets", 0, "set"), "<b>", "set"),
        (("trained_on", "sets", 0, "part"), "all", "part"),
        (("trained_on", "sets", 0, "names"), "zz", "names"),
        (("trained_on", "weights", 0, "name"), "a\x1b[2J", "name"),
        (("trained_on", "weights", 0, "trained_on"), ["x"] * 101, "trained_on"),
        (("trained_on", "weights", 0), {"name": "x"}, "trained_on is missing"),
        (("trained_on",), "everything", "trained_on"),
    ],
)
def test_a_strange_story_of_a_training_is_refused_in_words(
    tmp_path: Path, place: tuple[str | int, ...], value: object, told: str
) -> None:
    write_record(tmp_path / "a.json", full())
    plain = read_plain((tmp_path / "a.json").read_bytes())
    with pytest.raises(ValueError, match=told):
        record_from_json(changed(plain, ("provenance", *place), put(value)))


def test_words_of_strangers_are_escaped_and_not_long(tmp_path: Path) -> None:
    start = {"name": '<img src=x onerror="1">|a|', "trained_on": ["</script>"] * 100}
    told = trained(*(f"s{n}" for n in range(100)), weights=[start])
    records = [make([0.5], fold=k, provenance=told) for k in FOLDS]
    readme, _, html = (path.read_text(encoding="utf-8") for path in write_leaderboard(save(tmp_path, records)))
    assert "<img" not in html.split("<tbody")[1].split("</tbody")[0]
    assert "<img src" not in readme
    assert "and 71 more" in html


def test_submissions_that_contradict_themselves_are_refused(tmp_path: Path) -> None:
    assert not hand_in(tmp_path, full()).problems
    story_of = full().provenance["trained_on"]
    own = [{"set": "avad", "part": "train", "fold": 1, "use": "fit"}]
    for name, changes, told in (
        ("mouse.json", {"viewing": MINE}, "viewing says mouse, no eye tracker, avad is of eye tracking"),
        ("saw.json", {"trained_on": story_of | {"sets": own}}, "names avad, and says that its training part was not"),
        ("many.json", {"trained_on": story_of | {"tested_videos_seen": 16}}, "saw 16 test videos, and 15 were tested"),
    ):
        hand_in(tmp_path / name, full(**changes), name)
        [[problem]] = check(tmp_path / name, [tmp_path / name / "in"]).problems.values()
        assert told in problem


def test_lines_for_people() -> None:
    told = trained("avad", known=False, tested_videos_seen=1)
    assert list(trained_on_lines(told)) == [
        "avad, part train, fold 1: 3 videos",
        "not all of it is known",
        "1 of the test videos was among them",
    ]
    assert list(trained_on_lines({})) == ["what it was trained on is not told"]
    assert list(trained_on_lines(trained())) == ["no video"]


def test_list_says_the_kind(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    told = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["crowdsal", "mouse,", "heard"] in [words[:3] for words in told]
    assert ["avad", "eye,", "heard"] in [words[:3] for words in told]


def test_a_set_of_ones_own_says_its_kind_in_its_description(tmp_path: Path) -> None:
    text = "name: mine\nlayout: stavis\nfps: 25\nsplit: {test: [a]}\ndevice: mouse\nheard: true\nviewers: 12\n"
    (tmp_path / "dataset.yaml").write_text(text, encoding="utf-8")
    assert dataset("mine", tmp_path).viewing == MINE
    (tmp_path / "dataset.yaml").write_text(text.replace("heard: true", "heard: maybe"), encoding="utf-8")
    with pytest.raises(ValueError, match=r"dataset.yaml:6: heard should be true or false; got 'maybe'"):
        dataset("mine", tmp_path)

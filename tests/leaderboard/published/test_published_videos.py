"""Published scores of single videos, a form of their own; those of DHF1K's server and of the NTIRE 2026 challenge."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from made_boards import rich_record
from made_records import PUBLISHED, make, save

from avsal_bench.cli import main
from avsal_bench.data.layouts.lists import PACKAGED_LISTS, read_fold_list
from avsal_bench.leaderboard.given_files import given_published_videos, own_files
from avsal_bench.leaderboard.page.board import read_board, reproductions
from avsal_bench.leaderboard.published_scores import (
    PublishedVideos,
    published_rows,
    read_published,
    read_published_videos,
)
from avsal_bench.leaderboard.reports.printed_videos import video_lines, video_part
from avsal_bench.leaderboard.tables import rows
from avsal_bench.resources import resource

PLACE = resource("published_videos.csv")
HEAD = "paper,source,method,variant,modality,dataset,video,metric,value\n"


def line(video: str = "0601", metric: str = "CC", value: str = "0.5", variant: str = "Old") -> str:
    return f"p2019,a.npy,old,{variant},V,dhf1k,{video},{metric},{value}\n"


# what the package has


def test_the_two_files_of_salema_have_every_video_of_the_validation_part() -> None:
    salema, salclstm = read_published_videos(PLACE)
    names = [video.name for video in read_fold_list(PACKAGED_LISTS / "DHF1K_list_test_1_fps.txt")]
    for one in (salema, salclstm):
        assert all(list(of) == names for of in one.scores.values())
        assert (one.dataset, one.modality, one.paper) == ("dhf1k", "V", "salema2019")
        assert "@8bd53b9 evaluation/" in one.source
    assert (salema.method, salclstm.method) == ("salema", "salclstm")
    means = {metric: round(float(np.mean([*of.values()])), 4) for metric, of in salema.scores.items()}
    assert means == {"AUC-J": 0.8851, "sAUC": 0.6879, "NSS": 2.4755, "CC": 0.4462, "SIM": 0.3584}
    assert round(float(np.mean([*salclstm.scores["CC"].values()])), 4) == 0.4352
    assert PLACE.stat().st_size < 300_000


def test_the_table_of_dhf1ks_server_is_of_the_withheld_part() -> None:
    found = [row for row in published_rows(read_published(PUBLISHED)) if row.dataset == "dhf1k-test"]
    assert len(found) == 8
    assert all(set(row.cells) == {"CC", "NSS", "AUC-J", "sAUC", "SIM"} for row in found)
    tased = {row.variant: row.cells["NSS"].text for row in found if row.method == "tasednet"}
    assert tased == {"TASED-Net (updated)": "2.797", "TASED-Net (reported)": "2.667"}
    marks = {(row.method, metric): cell.mark for row in found for metric, cell in row.cells.items() if cell.mark}
    assert marks == {("salema", "SIM"): "!"}, "its SIM is above its CC"


def test_the_challenges_scores_compare_with_ours_by_its_protocol_only(tmp_path: Path) -> None:
    found = [row for row in published_rows(read_published(PUBLISHED)) if row.dataset == "ntire26_private"]
    printed = [[row.cells[metric].text for metric in ("CC", "SIM", "AUC-J", "NSS")] for row in found]
    assert [row.method for row in found] == ["visage", "cvsp", "ark_mmlab", "centre"]
    assert printed[0] == ["0.828", "0.693", "0.892", "3.323"]
    assert {cell.mark for cell in found[-1].cells.values()} == {"?"}, "which baseline it is, is not said"
    mine = [
        make([0.4, 0.5], model="centre", modality="", dataset="ntire26_private", fold=fold, protocol=name)
        for name in ("stavis", "crowdsal")
        for fold in (1, 2, 3)
    ]
    board = read_board(save(tmp_path, mine))
    assert [row.head.protocol for row, _ in reproductions(board)] == ["crowdsal"]


def test_who_is_no_network_here_is_named_with_what_is_missing() -> None:
    with (PUBLISHED.parent / "not_built.csv").open(encoding="utf-8", newline="") as file:
        told = {row["method"] for row in csv.DictReader(file)}
    assert {"salema", "stranet", "salgan", "salicon_net", "visage", "cvsp", "ark_mmlab"} <= told


# files of anyone


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (line() + line(), r"row 3: a second CC of old on 0601; keep one"),
        (line(value="high"), r"row 2: expected a number of one of CC, NSS, .*; got 'high' of 'CC'"),
        (line(value="nan"), r"row 2: expected a number"),
        (line(value="1e999"), r"row 2: expected a number"),
        (line(metric="EMD"), r"row 2: expected a number of one of CC, .*; got '0.5' of 'EMD'"),
        (line(video="../0601"), r"row 2: video"),
        (line(video=""), r"row 2: video"),
        (line(variant="\x1b[2J"), r"row 2: variant is"),
        ("p2019,a.npy\n", r"row 2: expected paper, source, method"),
    ],
)
def test_a_line_that_cannot_be_meant_is_an_error_that_names_it(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "published_videos.csv"
    path.write_text(HEAD + text, encoding="utf-8", newline="")
    with pytest.raises(ValueError, match=rf"published_videos\.csv, {said}"):
        read_published_videos(path)


def test_a_file_of_a_stranger_is_bounded_and_one_that_is_not_there_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "published_videos.csv"
    assert read_published_videos(path) == []
    with path.open("wb") as file:
        file.truncate(30_000_000)
    with pytest.raises(ValueError, match=r"published_videos.csv has 30,000,000 bytes, at most 20,000,000"):
        read_published_videos(path)
    path.write_bytes(b"\xff\xfe" * 9)
    with pytest.raises(ValueError, match=r"no table in CSV and UTF-8"):
        read_published_videos(path)


def test_a_leaderboard_with_published_scores_of_its_own_has_its_own_of_videos(tmp_path: Path) -> None:
    assert given_published_videos(tmp_path) == PLACE
    (tmp_path / "published.csv").write_bytes(PUBLISHED.read_bytes())
    assert given_published_videos(tmp_path) == tmp_path / "published_videos.csv"
    assert read_published_videos(given_published_videos(tmp_path)) == []
    (tmp_path / "published_videos.csv").write_text(HEAD + line(), encoding="utf-8")
    assert own_files(tmp_path) == [tmp_path / "published_videos.csv"]


# beside a record


def published(**videos: float) -> list[PublishedVideos]:
    return [PublishedVideos("p2019", "a.npy", "old", "Old", "V", "dhf1k", {"CC": videos})]


def test_a_row_stands_beside_them_on_the_videos_that_both_have() -> None:
    table = rows([make({"a": 0.5, "b": 0.7, "c": 0.6, "d": 0.1}, dataset="dhf1k")])
    text = video_part(table, ["toy"], "CC", published(a=0.4, b=0.7, c=0.5, z=0.9))
    cells = [cell.strip() for cell in text.splitlines()[7].strip("|").split("|")]
    assert cells[:5] == ["toy", "Old", "3", "0.600", "0.533"]
    assert cells[5].startswith("0.067 (0.000 to 0.100)")
    assert cells[6:] == ["0.982", "2"]
    assert "- Old (p2019): a.npy" in text
    assert [(one["video"], one["score"], one["theirs"]) for one in video_lines(table, ["toy"], published(b=0.7))] == [
        ("b", 0.7, 0.7)
    ]


def test_where_nothing_is_common_there_is_no_table_and_a_constant_has_no_correlation() -> None:
    table = rows([make({"a": 0.5, "b": 0.5, "c": 0.5}, dataset="dhf1k")])
    assert video_part(table, ["toy"], "NSS", published(a=0.4)) == ""
    assert video_part(table, ["toy"], "CC", published(z=0.4)) == ""
    assert "| - | 3 |" in " ".join(video_part(table, ["toy"], "CC", published(a=0.1, b=0.2, c=0.3)).split())
    other = rows([make({"a": 0.5}, dataset="diem")])
    assert video_part(other, ["toy"], "CC", published(a=0.4)) == ""


def test_analyse_shows_them_and_writes_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("draw_categories", "draw_time", "draw_cases"):  # which are seen to elsewhere, and take seconds
        monkeypatch.setattr(f"avsal_bench.leaderboard.reports.analysis_report.{name}", lambda *_: None)
    record = rich_record("stavis", "v", "dhf1k", 1, 0, 0.4, 6)
    board = save(tmp_path / "board", [record])
    names = [video.video for video in record.videos]
    (board / "published_videos.csv").write_text(
        HEAD + "".join(line(name, "NSS", f"{n}.5") for n, name in enumerate(names)), encoding="utf-8"
    )
    (path,) = (board / "records").rglob("*.json")
    assert main(["analyse", str(path), "--leaderboard", str(board), "-o", str(tmp_path / "out")]) == 0
    assert "## Videos beside published scores" in capsys.readouterr().out
    with (tmp_path / "out" / "videos.csv").open(encoding="utf-8", newline="") as file:
        assert [(row["video"], row["theirs"]) for row in csv.DictReader(file)] == [
            (name, f"{n}.5") for n, name in enumerate(names)
        ]

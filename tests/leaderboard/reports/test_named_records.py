"""Records by the names that people type: files, rows of the page, networks; and names that nobody has."""

import pytest
from made_records import make

from avsal_bench.leaderboard.reports.named_records import named_records
from avsal_bench.records import record_path, write_record


def put(folder, model="avrsp", modality="av", dataset="synth", **changes):
    r = make({"a": 0.5}, model, modality, dataset, **{"preset": "smoke"} | changes)
    path = record_path(folder / "records", r.network, r.dataset, r.fold, r.seed, r.protocol, r.sound)
    write_record(path, r)
    return path


@pytest.fixture
def board(tmp_path):
    """Two networks with two seeds each, one with the sound muted, and a baseline."""
    for seed in (1, 0):
        put(tmp_path, seed=seed)
        put(tmp_path, "avrsp", "v", seed=seed)
    put(tmp_path, sound="muted")
    put(tmp_path, "mep", "")
    return tmp_path


@pytest.mark.parametrize(
    "name",
    [
        *("avrsp/av", "avrsp_av", "AVRSP (av)", "synth/avrsp_av", "synth/avrsp/av", "stavis/synth/avrsp_av/smoke"),
        *("#row/stavis/synth/avrsp_av/smoke", "avrsp_av-fold1-seed0", "avrsp_av-fold1-seed0.json"),
        *("stavis/synth/avrsp_av-fold1-seed0.json", "AVRSP_AV"),
    ],
)
def test_a_row_has_several_names(board, name):
    [found] = named_records([name], board)
    assert found.path.name == "avrsp_av-fold1-seed0.json"
    assert ("fold 1, seed 0, of 2 records" in found.note) == ("seed0" not in name)


def test_rows_are_of_one_test_list_and_in_their_order(board):
    put(board, fold=2, seed=0)
    assert [one.path.name for one in named_records(["mep", "avrsp/av", "avrsp/v"], board)] == [
        "mep-fold1-seed0.json",
        "avrsp_av-fold1-seed0.json",
        "avrsp_v-fold1-seed0.json",
    ]
    put(board, "vinet", "v", fold=2, seed=0)
    named = named_records(["avrsp/av", "vinet/v"], board)
    assert [one.path.name for one in named] == ["avrsp_av-fold2-seed0.json", "vinet_v-fold2-seed0.json"]


def test_a_record_with_another_sound_is_meant_by_its_file_alone(board):
    assert named_records(["avrsp_av-fold1-seed0-muted"], board)[0].path.stem.endswith("-muted")


def test_files_need_no_leaderboard_and_other_places_may_hold_rows(board, tmp_path):
    path = put(board, "mspi", "av")
    assert [one.path for one in named_records([str(path)], tmp_path / "nowhere")] == [path]
    assert named_records(["mspi/av"], tmp_path / "nowhere", [board])[0].path == path


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["avrsp/va"], "the nearest are avrsp/v, avrsp/av"),
        (["avrsp_av-fold1-seed7.json"], "avrsp_av-fold1-seed1"),
        (["zzzz"], "there are mep,"),
        (["mep", "mep-fold1-seed0"], "which another name stands for, too"),
        (["x" * 500], "the nearest are|there are"),
    ],
)
def test_names_that_nobody_has(board, names, said):
    with pytest.raises((FileNotFoundError, ValueError), match=said) as error:
        named_records(names, board)
    assert len(str(error.value)) < 700


def test_what_is_said_where_there_is_nothing_or_too_much(board, tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no record in"):
        named_records(["avrsp/av"], tmp_path / "nowhere")
    put(board, dataset="diem")
    with pytest.raises(ValueError, match=r"is on 2 sets \(diem, synth\); say which one, such as diem/avrsp/av"):
        named_records(["avrsp/av"], board)
    assert named_records(["avrsp/av", "mep"], board)[0].path.parent.name == "synth", "the set that both have"
    with pytest.raises(ValueError, match="no test list is common"):
        named_records(["diem/avrsp/av", "synth/avrsp/av"], board)
    put(board, seed=5, preset="paper")
    with pytest.raises(ValueError, match=r"is 2 rows; name one of them: stavis/synth/avrsp_av/paper, stavis/synth"):
        named_records(["synth/avrsp/av"], board)

"""Data sheets: what they say against what the packaged lists say, and docs/data.md against the sheets."""

from __future__ import annotations

import re
from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest

import avsal_bench.data
from avsal_bench.data.dataset import DataSet, Facts, dataset, list_datasets
from avsal_bench.data.layouts.lists import ListedVideo, read_fold_list

LISTS = Path(avsal_bench.data.__file__).parent / "fold_lists"
DOCS = Path(__file__).resolve().parents[2] / "docs" / "data.md"
STILLS = [name for name in list_datasets() if dataset(name).stills and not dataset(name).embedded]
#: The sets whose lists, of one form, come with the package, and whose sheets are held against them.
REAL = ["avad", "coutrot1", "coutrot2", "dhf1k", "diem", "etmd", "summe"]
#: All others that are not made here: each has tests of its own.
LATER = [name for name in list_datasets() if not dataset(name).embedded and name not in (*STILLS, *REAL)]
#: Videos of a set that are in no list: DIEM's are named in its faults; DHF1K's have no public ground truth.
UNLISTED = {"diem": 3, "dhf1k": 300}


def list_files(name: str, part: str) -> list[Path]:
    """The lists of a part in the order of folds."""
    found = sorted(LISTS.glob(f"{dataset(name).folder}_list_{part}*_fps.txt"))
    assert len(found) == (3 if dataset(name).folds else 1), f"{name}: lists {[p.name for p in found]} in {LISTS}"
    return found


def read_lists(name: str, part: str) -> list[list[ListedVideo]]:
    return [read_fold_list(path) for path in list_files(name, part)]


def union(name: str) -> dict[str, ListedVideo]:
    every = [video for part in ("train", "test") for fold in read_lists(name, part) for video in fold]
    known = {video.name: video for video in every}
    assert all(known[video.name] == video for video in every), (
        "a video has other frames or another rate in another list"
    )
    return known


def times_tested(name: str) -> Counter[str]:
    counts = Counter(video.name for fold in read_lists(name, "test") for video in fold)
    return Counter({video: counts[video] for video in union(name)})


def sheet_table(name: str) -> str:
    """The table of a data sheet, from the lists."""
    lines = ["    fold  train: videos  frames    test: videos  frames"]
    for k, (train, test) in enumerate(zip(read_lists(name, "train"), read_lists(name, "test"), strict=True), start=1):
        counts = [len(train), sum(v.n_frames for v in train), len(test), sum(v.n_frames for v in test)]
        fold = str(k) if dataset(name).folds else "each"
        lines.append(f"    {fold:<4}  {counts[0]:>13}  {counts[1]:>6}    {counts[2]:>12}  {counts[3]:>6}")
    videos = union(name).values()
    seconds = [v.n_frames / v.fps for v in videos]
    lines.append(
        f"    all lists: {len(videos)} videos, {sum(v.n_frames for v in videos)} frames, "
        f"{min(seconds):.1f} to {max(seconds):.1f} s, {sum(seconds) / 60:.1f} minutes"
    )
    rates = sorted(Counter(round(v.fps, 6) for v in videos).items(), key=lambda r: (-r[1], r[0]))
    lines.append("    frames a second (videos): " + ", ".join(f"{rate:.8g} ({n})" for rate, n in rates))
    return "\n".join(lines)


def facts_of(name: str) -> Facts:
    facts = dataset(name).facts
    assert facts is not None
    return facts


def faults(name: str, *words: str) -> list[str]:
    """The faults that hold all the words."""
    return [fault for fault in facts_of(name).faults if all(word in fault for word in words)]


def doc(description: DataSet) -> str:
    return import_module(f"avsal_bench.data.sets.{description.name}").__doc__ or ""


def flat(text: str) -> str:
    return " ".join(text.split())


def test_the_real_sets_of_stills_have_neither_sound_nor_folds_nor_lists() -> None:
    assert STILLS == ["cat2000", "mit1003", "osie", "salicon"]
    for name in STILLS:
        assert not dataset(name).sound
        assert not dataset(name).folds
        assert not list(LISTS.glob(f"{dataset(name).folder}_*"))


@pytest.mark.parametrize("name", REAL + LATER + STILLS)
def test_a_real_set_has_its_facts(name: str) -> None:
    facts = facts_of(name)
    assert facts.videos > 0
    assert all(text.strip() for text in (facts.viewers, facts.conditions, facts.licence, facts.source))
    assert facts.source.startswith("http")
    assert re.search(r"\b(19|20)\d\d\b", dataset(name).citation), "a citation has a year"
    assert facts.faults
    assert all(re.match(r"[A-Z].*\.$", fault, flags=re.DOTALL) for fault in facts.faults), "faults are sentences"


@pytest.mark.parametrize("name", REAL + STILLS)
def test_a_data_sheet_is_whole(name: str) -> None:
    text = flat(doc(dataset(name)))
    things = "Images" if name in STILLS else "Videos"
    for heading in ("Viewers", "Conditions", things, "Licence", "Citation", "Where to get it", "Faults"):
        assert re.search(rf"\*\*{heading}\.?\*\*", text), heading
    assert "**On the disk**" in text
    folder = dataset(name).folder
    assert (f"<root>/{folder}/" if name in STILLS else f"<root>/fold_lists/{folder}_list_") in text
    assert flat(facts_of(name).source) in flat(text)


def test_the_sets_of_the_project_need_no_facts() -> None:
    assert {name for name in list_datasets() if dataset(name).facts is None} == {
        "synth",
        "synth_silent",
        "synth_stills",
    }


@pytest.mark.parametrize("name", REAL)
def test_the_sheet_says_what_the_lists_say(name: str) -> None:
    assert sheet_table(name) in doc(dataset(name)), (
        f"the table of avsal_bench/data/sets/{name}.py must be:\n{sheet_table(name)}"
    )


@pytest.mark.parametrize("name", REAL)
def test_the_lists_name_every_video_of_the_set(name: str) -> None:
    assert len(union(name)) + UNLISTED.get(name, 0) == facts_of(name).videos


@pytest.mark.parametrize("name", REAL)
def test_no_fold_trains_on_its_test_videos_and_no_list_repeats_one(name: str) -> None:
    for train, test in zip(read_lists(name, "train"), read_lists(name, "test"), strict=True):
        names = [video.name for video in (*train, *test)]
        assert len(names) == len(set(names))


@pytest.mark.parametrize("name", [name for name in REAL if dataset(name).folds])
def test_videos_tested_twice_or_never_are_named_as_faults(name: str) -> None:
    twice = sorted(video for video, times in times_tested(name).items() if times > 1)
    never = sorted(video for video, times in times_tested(name).items() if times == 0)
    assert max(times_tested(name).values()) <= 2
    assert len(faults(name, "tested twice", *twice)) == bool(twice)
    assert len(faults(name, "never tested", *never)) == bool(never)
    if not twice and not never:
        assert "every video is tested once" in flat(doc(dataset(name)))


def test_the_videos_that_avad_tests_twice_or_never() -> None:
    times = times_tested("avad")
    assert {video for video in times if times[video] == 2} == {"V26_Piano2", "V39_Guitar4", "V3_Speech3"}
    assert {video for video in times if times[video] == 0} == {"V28_Dog1", "V33_Harp", "V42_Violin2"}


def test_the_videos_that_summe_never_tests() -> None:
    assert {video for video, times in times_tested("summe").items() if times == 0} == {"Scuba", "St_Maarten_Landing"}
    for fold, lacking in ((1, set()), (2, {"St_Maarten_Landing"}), (3, {"Scuba"})):
        used = {v.name for part in ("train", "test") for v in read_lists("summe", part)[fold - 1]}
        assert union("summe").keys() - used == lacking


def test_diem_has_one_split_that_lacks_three_videos() -> None:
    (train,), (test,) = read_lists("diem", "train"), read_lists("diem", "test")
    assert (len(train), len(test)) == (64, 17)
    lacking = re.findall(r"\w+_\d+x\d+", facts_of("diem").faults[0])
    assert len(lacking) == 3
    assert not union("diem").keys() & set(lacking)


def test_a_tested_excerpt_of_etmd_has_a_twin_in_training() -> None:
    assert faults("etmd", "the other excerpt of each tested film trains")
    for train, test in zip(read_lists("etmd", "train"), read_lists("etmd", "test"), strict=True):
        assert {v.name[:3] for v in test} <= {v.name[:3] for v in train}


def test_both_sets_of_coutrot_use_the_same_names() -> None:
    assert union("coutrot2").keys() <= union("coutrot1").keys()
    assert all(faults(name, "clip1, clip2") for name in ("coutrot1", "coutrot2"))


def test_dhf1k_has_600_and_100_videos() -> None:
    (train,), (test,) = read_lists("dhf1k", "train"), read_lists("dhf1k", "test")
    assert [v.name for v in train] == [f"{n:04d}" for n in range(1, 601)]
    assert [v.name for v in test] == [f"{n:04d}" for n in range(601, 701)]


def test_the_rates_of_the_lists_are_odd_as_said() -> None:
    broadcast = {24000 / 1001, 30000 / 1001}
    odd = set()
    for name in REAL:
        for video in union(name).values():
            whole = round(video.fps)
            if name == "dhf1k":
                assert video.fps == pytest.approx(30, abs=1e-9)
            elif min(abs(video.fps - rate) for rate in broadcast) > 1e-5:
                if video.fps != pytest.approx(whole * 0.99999, abs=1e-6):
                    odd.add((name, video.name, video.fps))
                else:
                    assert faults(name, "hundred-thousandth low")
    assert odd == {("avad", "V32_Dancers", 28.666571)}
    assert sum(video.fps != 30 for video in union("dhf1k").values()) == 145
    assert {v.fps for v in union("summe").values() if v.fps < 20} == {14.99985}
    assert union("summe")["Cooking"].fps == 14.99985


def test_the_blank_lines_and_missing_newlines_of_the_lists() -> None:
    blank, open_ended = set(), set()
    for name in REAL:
        for part in ("train", "test"):
            for k, path in enumerate(list_files(name, part), start=1):
                text = path.read_text(encoding="utf-8")
                if any(not line.strip() for line in text.splitlines()):
                    blank.add((name, f"{part} {k}"))
                if not text.endswith("\n"):
                    open_ended.add((name, f"{part} {k}"))
    assert blank == {("avad", "train 1"), ("avad", "train 2"), ("etmd", "test 2")}
    assert open_ended == {("avad", "train 1"), ("avad", "train 2"), ("avad", "test 3"), ("etmd", "train 3")}
    for name in ("avad", "etmd"):
        assert faults(name, "newline", *(where for set_, where in blank | open_ended if set_ == name))


def doc_tables() -> dict[str, dict[str, str]]:
    """Rows of the two tables of sets in docs/data.md, by the name of the set."""
    rows: dict[str, dict[str, str]] = {}
    heads: list[str] = []
    for line in DOCS.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("| set |"):
            heads = cells
        elif not line.startswith("|"):
            heads = []
        elif heads and not line.startswith("| ---"):
            rows.setdefault(cells[0].strip("`"), {}).update(zip(heads, cells, strict=True))
    return rows


def test_the_docs_have_the_real_sets() -> None:
    text = DOCS.read_text(encoding="utf-8")
    assert [name for name in (*REAL, *LATER, *STILLS) if f"`{name}`" not in text] == []
    assert doc_tables().keys() >= set(REAL)


@pytest.mark.parametrize("name", REAL)
def test_the_docs_say_what_the_registry_and_the_lists_say(name: str) -> None:
    facts, row, videos = facts_of(name), doc_tables()[name], union(name).values()
    parts = [[len(fold) for fold in read_lists(name, part)] for part in ("train", "test")]
    shown = [str(part[0]) if len(set(part)) == 1 else ", ".join(map(str, part)) for part in parts]
    assert row["folder"] == f"`{dataset(name).folder}`"
    assert row["videos"] == str(facts.videos)
    assert row["in the lists"] == str(len(videos))
    assert row["folds"] == ("3" if dataset(name).folds else "1")
    assert (row["train"], row["test"]) == tuple(shown)
    assert row["frames"] == str(sum(v.n_frames for v in videos))
    assert row["minutes"] == f"{sum(v.n_frames / v.fps for v in videos) / 60:.0f}"
    assert row["sound"] == ("yes" if dataset(name).sound else "no")
    assert (row["viewers"], row["conditions"], row["licence"]) == (facts.viewers, facts.conditions, facts.licence)
    assert row["source"] == f"<{facts.source}>"
    assert row["citation"] == dataset(name).citation


@pytest.mark.parametrize("name", STILLS)
def test_the_docs_say_of_stills_what_the_registry_says(name: str) -> None:
    facts = facts_of(name)
    lines = DOCS.read_text(encoding="utf-8").splitlines()
    (row,) = (
        [cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith(f"| `{name}` |")
    )
    assert row[:3] == [f"`{name}`", f"`{dataset(name).folder}`", str(facts.videos)]
    assert row[-5:] == [facts.viewers, facts.conditions, facts.licence, f"<{facts.source}>", dataset(name).citation]


@pytest.mark.parametrize("name", REAL + STILLS)
def test_the_docs_have_the_faults(name: str) -> None:
    text = flat(DOCS.read_text(encoding="utf-8"))
    assert [fault for fault in facts_of(name).faults if fault not in text] == []

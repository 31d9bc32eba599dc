"""`avsal data check` on whole sets: lists, sets in part, broken checks, the table and the JSON."""

import json
import os
import shutil
import unicodedata
from dataclasses import asdict, replace

import pytest
from audit_trees import (
    FOLDER,
    SEEN,
    SET,
    N,
    _no_published_lists,  # noqa: F401
    change_list,
    check,
    clean_fixture,  # noqa: F401
    cut,
    fixations,
    frame,
    mat,
    only,
    point,
    root_fixture,  # noqa: F401
    sound,
)
from conftest import HOME, write_dhf1k, write_list, write_video

from avsal_bench.data.audit import audit
from avsal_bench.data.audit.audit import check_sets
from avsal_bench.data.audit.notes import KINDS, Task
from avsal_bench.data.audit.video_checks import look_at
from avsal_bench.data.dataset import dataset
from avsal_bench.data.places import NumberedFiles
from avsal_bench.workers import Workers


def test_every_set_in_every_layout(real_root):
    with Workers(0) as pool:
        names = ("diem", "coutrot1", "coutrot2", "avad", "etmd", "summe", "dhf1k")
        report = check_sets(dict.fromkeys(names, real_root), pool)
    assert {f.kind for f in report.findings} <= {"no fixations"}  # DHF1K's small tree is noise
    assert list(report.roots) == list(names)
    assert [c.videos for c in report.counts if c.dataset == "diem"] == [2, 1, 3]
    assert [c.videos for c in report.counts if c.dataset == "avad"] == [2, 1] * 3 + [3]


def test_the_embedded_sets(synth_root):
    with Workers(0) as pool:
        report = check_sets({"synth": synth_root, "synth_silent": synth_root}, pool)
    assert report.errors == report.number("warning") == 0, report.table()
    frames = json.loads((synth_root / "synth.json").read_text())
    totals = {c.dataset: c for c in report.counts if c.fold is None}
    assert totals["synth"].frames == frames["frames"]
    assert totals["synth_silent"].files == 3 * frames["silent_frames"]
    assert totals["synth"].files >= 3 * frames["frames"] + frames["videos"]


def test_counts(root):
    report = check(root)
    whole = report.counts[-1]
    assert (whole.fold, whole.part, whole.videos, whole.frames, whole.files) == (None, "all", 3, 36, 3 * (36 + 1))
    assert whole.hours == pytest.approx(36 / 25 / 3600)
    assert [(c.fold, c.part, c.videos) for c in report.counts[:-1]] == [
        (fold, part, videos) for fold in (1, 2, 3) for part, videos in (("train", 2), ("test", 1))
    ]
    assert report.counts[0].files == 2 * (3 * 12 + 1)
    assert whole.seconds > 0
    assert check(root, audio=False).counts[-1].files == 3 * 36


def break_much(root):
    cut(frame(root, 3, "video0"))
    frame(root, 9, "video2").unlink()
    mat(fixations(root, 5), point(0))
    sound(root).unlink()
    change_list(root, "video0 12", "\n\nvideo0 12")


def test_parallel_equals_serial(root, quick_processes):
    break_much(root)
    serial, parallel = check(root), check(root, workers=2)
    assert len(serial.findings) == 4
    assert serial == parallel
    assert serial.table().splitlines()[:1] == parallel.table().splitlines()[:1]


def test_json_holds_all(root):
    break_much(root)
    report = check(root)
    plain = json.loads(report.json())
    assert plain["findings"] == [asdict(f) for f in report.findings]
    assert plain["counts"] == [asdict(c) for c in report.counts]
    assert plain["schema"] == 1
    assert (plain["errors"], plain["warnings"], plain["notes"]) == (3, 1, 0)
    assert (plain["roots"], plain["quick"], plain["audio"]) == ({SET: str(root)}, False, True)
    assert report.errors == 3


def test_table_is_worst_first_and_short(root):
    break_much(root)
    report = check(root)
    lines = report.table().splitlines()
    assert lines[0] == f"{SET} in {root}: 3 errors, 1 warning, 0 notes"
    assert [line.split(";")[0] for line in lines if line.startswith(("error:", "warning:", "note:"))] == [
        "error: frames missing",
        "error: sound missing",
        "error: unreadable frame",
        "warning: no fixations",
    ]
    assert lines[-1].startswith("3 errors; 109 files in ")
    many = replace(report, findings=tuple(replace(report.findings[0], video=f"v{i}") for i in range(50)))
    assert ".. and 30 more" in many.table()
    assert "more" not in many.table(most=None)
    assert many.table(most=None).count("frames missing") == 1


def test_a_set_in_parts(root):
    shutil.rmtree(root / f"video_audio/{FOLDER}")
    for video in ("video0", "video2"):
        shutil.rmtree(fixations(root, 1, video).parent / "maps")
    found = {f.kind: f for f in check(root).findings}
    assert found.keys() == {"sound missing", "maps missing"}
    assert found["sound missing"].where == "video0, video1, video2"
    assert found["sound missing"].text.startswith("0 of 3 videos have sound, 3 videos have none")
    assert found["maps missing"].where == "video0, video2"
    assert "first missing annotations/Coutrot_db2/video0/maps" in found["maps missing"].text
    assert {f.video for f in found.values()} == {""}


def test_a_set_downloaded_in_part(root):
    for video in ("video0", "video2"):
        shutil.rmtree(frame(root, 1, video).parent)
        shutil.rmtree(fixations(root, 1, video).parent)
    found = only(check(root))
    assert (found.kind, found.where, found.video) == ("video missing", "video0, video2", "")
    assert found.text.startswith("1 of 3 videos have frames, maps and fixations, 2 videos have none")


def test_a_whole_set_missing(root, tmp_path, monkeypatch):
    shutil.rmtree(root / "annotations")
    found = only(check(root))
    assert (found.kind, found.where) == ("list", "train 1, test 1, train 2, test 2, train 3, test 3")
    assert f"annotations/{FOLDER}" in found.text
    assert "0 of its videos" in found.text
    monkeypatch.setattr(audit, "PACKAGED_LISTS", root / "fold_lists")
    assert "0 of 3 videos" in only(check(root)).text
    report = check(tmp_path / "nowhere")
    assert "no data root" in only(report).text
    assert report.counts[-1].videos == 0
    assert "1 error; 0 files" in report.table()
    with pytest.raises(ValueError, match="unknown data set"), Workers(0) as pool:
        check_sets({"coutrot9": root}, pool)


def test_lists_that_differ_from_the_published_ones(root, tmp_path, monkeypatch):
    published = tmp_path / "published"
    shutil.copytree(root / "fold_lists", published)
    path = published / f"{FOLDER}_list_train_2_fps.txt"
    path.write_text("\n" + path.read_text().replace("video2 12", "video2 11").replace("25.000000", "25"))
    found = only(check(root))
    assert (found.severity, found.kind) == ("warning", "list differs")
    assert found.where == f"fold_lists/{FOLDER}_list_train_2_fps.txt"
    assert found.text == (
        "1 of 2 videos are as in the published list; only here: video2 12 25; only in the published list: video2 11 25"
    )
    assert "not comparable" in found.training


def test_dhf1k_in_part(tmp_path, monkeypatch):
    root = tmp_path / "data"
    write_dhf1k(root)
    (tmp_path / "published").mkdir()
    for part, names in (("train", ("0001", "0002", "0003", "0004")), ("test", ("0601",))):
        lines = "".join(f"{name} 12 30.0\n" for name in names)
        (tmp_path / f"published/DHF1K_list_{part}_1_fps.txt").write_text(lines)
    found = [f for f in check(root, "dhf1k").findings if f.kind == "list differs"]
    assert [(f.where, f.text.split(";")[0]) for f in found] == [
        ("train 1", "3 of 4 videos are as in the published list")
    ]


def test_names_with_spaces_and_other_letters_below_a_link(tmp_path):
    root = tmp_path / "the data"
    names = ["Das Mädchen am Fluß 1", "日本 語", "plain"]
    for i, name in enumerate(names):
        write_video(root, FOLDER, name, N, seed=i)
    for fold in (1, 2, 3):
        write_list(root, FOLDER, "train", f"_{fold}", "".join(f"{n} {N} 25.0\n" for n in names[:2]))
        write_list(root, FOLDER, "test", f"_{fold}", f"{names[2]} {N} 25.0")
    (tmp_path / "link").symlink_to(root)
    link = tmp_path / "link"
    assert check(link).findings == ()
    frame(root, 2, names[1]).write_bytes(b"")
    found = only(check(link))
    assert found.video == "日本 語"
    assert "in video_frames/Coutrot_db2/日本 語/img_00002.jpg" in found.text
    assert "日本 語" in check(link).json()
    decomposed = unicodedata.normalize("NFD", names[0])
    for kind in ("video_frames", "annotations", "video_audio"):  # as copying from one system to another may leave them
        (root / kind / FOLDER / names[0]).rename(root / kind / FOLDER / decomposed)
    for path in (root / "video_audio" / FOLDER / decomposed).iterdir():
        path.rename(path.with_stem(decomposed))
    assert only(check(link)).video == names[1]
    (root / "video_frames" / FOLDER / decomposed).rename(root / "video_frames" / FOLDER / names[0].upper())
    found = check(link).findings[0]
    assert (found.kind, found.video) == ("frames missing", names[0])
    assert "spelt in other letters; rename it" in found.text


class Deadly(NumberedFiles):
    """Ends the process that it is sent to."""

    def __reduce__(self):
        return os._exit, (3,)


class Broken(NumberedFiles):
    """Cannot name its files."""

    def path(self, frame):
        raise RuntimeError("out of names")


def swap(monkeypatch, kind, names):
    description = dataset(SET)

    def layout(root, this, part, fold):
        videos = description.videos(root, part, fold)
        return [replace(v, densities=kind(**asdict(v.densities))) if v.name in names else v for v in videos]

    monkeypatch.setattr(audit, "dataset", lambda name, root=None: replace(description, layout=layout))


def test_a_check_that_breaks_down_is_a_finding(root, monkeypatch):
    swap(monkeypatch, Broken, ("video1",))
    frame(root, 3).unlink()
    missing, broken = sorted(check(root).findings, key=lambda f: f.kind)
    assert missing.kind == "frames missing"
    assert (broken.kind, broken.video, broken.where) == ("not checked", "video1", "maps and fixations")
    assert broken.text == "could not be checked: RuntimeError: out of names"


def test_a_video_that_ends_its_process_is_a_finding(root, monkeypatch, quick_processes):
    swap(monkeypatch, Deadly, ("video0",))
    frame(root, 3, "video2").unlink()
    report = check(root, workers=2)
    assert {(f.video, f.kind) for f in report.findings} == {("video0", "not checked"), ("video2", "frames missing")}
    assert "a reading process died" in report.findings[1].text
    assert report.counts[-1].files == 73  # all of the two others


def test_a_video_alone(root):
    [video] = dataset(SET).videos(root, "test", 1)
    checked = look_at(Task(video, root, trained=True))
    assert (checked.findings, checked.files) == ([], 37)
    assert checked.seconds > 0


def test_what_a_description_leaves_out_is_a_note(root):
    text = "name: mine\nlayout: stavis\nfolder: Coutrot_db2\nfps: 25\nsound: true\nsplit: {folds: 3}\n"
    (root / "dataset.yaml").write_text(text)
    found = only(check(root, "mine", quick=True))
    assert (found.kind, found.text) == ("not said", "the description does not say: title, viewers, licence, citation")


def test_gaze_that_a_description_names_and_nobody_has_is_a_note(root):
    text = "name: mine\nlayout: stavis\nfolder: Coutrot_db2\nfps: 25\nsound: true\nsplit: {folds: 3}\n"
    (root / "dataset.yaml").write_text(text + "files: {gaze: 'gaze/{name}.csv'}\n")
    kinds = {found.kind for found in check(root, "mine", quick=True).findings}
    assert kinds == {"not said", "no gaze"}


def test_a_video_that_is_declared_silent_and_sounds_is_a_note(root):
    """Its scores say that the network heard zeros: who declared it by mistake should learn of it."""
    text = "name: mine\nlayout: stavis\nfolder: Coutrot_db2\nfps: 25\nsound: true\nsplit: {folds: 3}\n"
    (root / "dataset.yaml").write_text(text + "silent: [video1]\n")
    found = {one.kind: one for one in check(root, "mine", quick=True).findings}
    assert found.keys() == {"not said", "silenced"}
    assert found["silenced"].video == "video1"
    assert "should it be heard, take it out of silent" in found["silenced"].text


def test_every_kind_was_met():
    """Runs last: a kind that no damage gives is dead. Those of other forms of data are met by tests of their own."""
    if len(SEEN) > len(KINDS) // 2:  # not when a single test is run
        others = [path.read_text(encoding="utf-8") for path in (HOME / "tests").rglob("test_*.py")]
        assert [kind for kind in sorted(set(KINDS) - SEEN) if not any(f'"{kind}"' in text for text in others)] == []

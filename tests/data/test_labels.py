"""Labels of audio-visual consistency: the reader, its errors, and the check of data sets."""

import re
import shutil
from dataclasses import replace

import pytest

from avsal_bench.data.audit.audit import check_sets
from avsal_bench.data.contents_of import files_of
from avsal_bench.data.dataset import dataset
from avsal_bench.data.labels import label_file, labels_of, read_labels, story_of_labels
from avsal_bench.workers import Workers


def written(folder, text):
    path = folder / "av_gt_label" / "AVAD" / "a.txt"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_line_is_a_frame(tmp_path):
    path = written(tmp_path, "1\n0\n1\n")
    assert path == label_file(tmp_path, "AVAD", "a")
    assert read_labels(path, 3) == (True, False, True)


def test_a_missing_last_newline_blank_lines_at_the_end_and_windows_lines_are_fine(tmp_path):
    assert read_labels(written(tmp_path, "\ufeff1\r\n0\r\n\r\n"), 2) == (True, False)


@pytest.mark.parametrize("n_frames", [2, 4])
def test_labels_of_another_length_than_the_video(tmp_path, n_frames):
    path = written(tmp_path, "1\n0\n1\n")
    with pytest.raises(ValueError, match=rf"{re.escape(str(path))}: 3 labels for {n_frames} frames; the file has one"):
        read_labels(path, n_frames)


def ruled(path, word):
    path.with_name("frames.rule").write_text(word, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("word", "text", "n_frames", "expected"),
    [
        # Ten labels a second for thirty frames, and the other way round: the label nearest in time.
        ("time", "1\n0\n", 6, (True, True, True, False, False, False)),
        ("time", "1\n1\n1\n0\n0\n0\n", 2, (True, False)),
        ("TIME\n", "1\n0\n1\n", 5, (True, True, False, True, True)),
        ("first", "1\n0\n1\n1\n", 3, (True, False, True)),
        # The right number is read as it is.
        ("time", "1\n0\n1\n", 3, (True, False, True)),
        ("first", "1\n0\n1\n", 3, (True, False, True)),
    ],
)
def test_labels_of_other_frames_are_read_by_the_rule_of_their_set(tmp_path, word, text, n_frames, expected):
    assert read_labels(ruled(written(tmp_path, text), word), n_frames) == expected


def test_what_no_rule_allows(tmp_path):
    path = written(tmp_path, "1\n0\n")
    with pytest.raises(ValueError, match=r"a.txt: 2 labels for 3 frames; .*write one word to .*frames.rule: 'time',"):
        read_labels(path, 3)
    with pytest.raises(ValueError, match=r"a.txt: 2 labels for 3 frames, which the rule 'first' .* not make enough"):
        read_labels(ruled(path, "first"), 3)
    with pytest.raises(ValueError, match=r"frames.rule: expected one word, 'time', .*; got 'fps'"):
        read_labels(ruled(path, "fps"), 3)
    path.write_text("")
    with pytest.raises(ValueError, match="0 labels for 3 frames, which the rule 'time'"):
        read_labels(ruled(path, "time"), 3)


def test_a_rule_is_part_of_what_labels_are_made_of_and_records_tell_it(tmp_path, synth_root):
    video = replace(dataset("synth").videos(synth_root, "test", 1)[0], labels=written(tmp_path, "1\n"))
    assert files_of(video, "labels").names == ("a.txt",)
    assert story_of_labels([video, replace(video, labels=None)]) == {}
    ruled(video.labels, "time")
    assert files_of(video, "labels").names == ("a.txt", "frames.rule")
    assert story_of_labels([video]) == {"label_rule": {"AVAD": "time"}}


@pytest.mark.parametrize("odd", ["2", "-1", "0.5", "yes", "", "1 0"])
def test_labels_other_than_0_and_1(tmp_path, odd):
    path = written(tmp_path, f"1\n{odd}\n0\n")
    with pytest.raises(ValueError, match=rf"a.txt:2: expected the label 0 or 1, got '{odd}'"):
        read_labels(path, 3)


def test_labels_that_are_no_text(tmp_path):
    path = written(tmp_path, "")
    path.write_bytes(b"\xff\xfe1")
    with pytest.raises(ValueError, match=r"a\.txt: the labels are no text"):
        read_labels(path, 1)


def test_a_set_without_labels(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no labels of the set: missing .*supervision: weak"):
        read_labels(label_file(tmp_path, "AVAD", "a"), 3)


def test_a_video_without_labels_in_a_set_that_has_them(tmp_path):
    path = written(tmp_path, "1\n")
    with pytest.raises(FileNotFoundError, match="no labels of the video"):
        read_labels(path.with_name("b.txt"), 1)


def test_a_set_that_cannot_have_labels(synth_root):
    video = dataset("synth_silent").videos(synth_root, "train", 1)[0]
    with pytest.raises(FileNotFoundError, match="synth_silent has no labels"):
        labels_of(video)


def test_every_video_of_synth_has_its_labels(synth_root):
    for video in dataset("synth").videos(synth_root, "test", 1):
        labels = labels_of(video)
        assert len(labels) == video.n_frames
        assert set(labels) == {video.category in ("timbre", "pulse")}


def found(root):
    with Workers(0) as workers:
        report = check_sets({"synth": root}, workers, quick=True)
    return [(f.severity, f.video, f.kind, f.text) for f in report.findings if "labels" in f.kind]


def test_the_check_of_a_set_looks_at_labels(labelled_root):
    assert found(labelled_root) == []
    name = dataset("synth").videos(labelled_root, "train", 1)[0].name
    path = label_file(labelled_root, "synth", name)
    whole = path.read_text()
    path.write_text("2\n")
    assert found(labelled_root) == [("error", name, "bad labels", "1: expected the label 0 or 1, got '2'")]
    path.write_text(whole + "1\n")
    ((severity, _, _, text),) = found(labelled_root)
    n = len(whole.split())
    assert (severity, text.split(";")[0]) == ("error", f"{n + 1} labels for {n} frames")
    path.unlink()
    assert [f[:3] for f in found(labelled_root)] == [("warning", name, "labels missing")]
    shutil.rmtree(labelled_root / "av_gt_label")
    assert found(labelled_root) == []


def test_labels_are_kept_for_the_clips_of_a_video(labelled_root):
    video = dataset("synth").videos(labelled_root, "train", 1)[0]
    first = labels_of(video)
    video.labels.unlink()
    assert labels_of(video) == first
    with pytest.raises(FileNotFoundError):
        labels_of(replace(video, labels=video.labels.with_name("other.txt")))

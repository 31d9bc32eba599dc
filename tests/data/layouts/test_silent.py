"""Videos without sound in a set that has some: what says so, what networks hear with them, and what others do."""

from dataclasses import replace

import pytest
import torch
from own_trees import CLIPS, TEXT, describe, wav, write_frames, write_lab

from avsal_bench.audio import LogMel, Waveform
from avsal_bench.cli.app import main
from avsal_bench.data.audit.audit import check_sets
from avsal_bench.data.clips.sounds import Given, hear, partners
from avsal_bench.data.contents_of import files_of, line_of
from avsal_bench.data.dataset import dataset, use_root
from avsal_bench.data.files.presence import check_videos
from avsal_bench.data.files.sound_files import audio_path, read_audio
from avsal_bench.data.labels import labels_of
from avsal_bench.data.windows import Window
from avsal_bench.evaluation.score import consistency
from avsal_bench.records import SOUNDS
from avsal_bench.workers import Workers

SOUNDING = TEXT.replace("first: 0", "  sound: sounds/{name}.*\nfirst: 0").replace(
    "fraction: 0.34\n  seed: 1", "test: [a, d]"
)
SILENT = SOUNDING.replace("fps: 25", "fps: 25\nsilent: [d, b 2]")
CLIP = Window(2, (1, 2))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = write_lab(tmp_path_factory.mktemp("lab"), SILENT)
    for k, (name, frames) in enumerate(CLIPS.items()):
        if name not in ("d", "b 2"):
            wav(root / f"sounds/{name}.wav", frames / 25 + 0.01 * k)
    return root


@pytest.fixture
def tested(root):
    describe(root, SILENT)
    use_root(root)
    yield {video.name: video for video in dataset("lab").videos(root, "test", 1)}
    use_root(None)


def test_a_declared_video_is_silent_and_its_others_sound(tested):
    assert {name: (video.silent, video.audio is None) for name, video in tested.items()} == {
        "a": (False, False),
        "d": (True, True),
    }
    check_videos(list(tested.values()), audio=True)
    with pytest.raises(ValueError, match=r"lab/d is declared silent"):
        audio_path(tested["d"])


@pytest.mark.parametrize("front_end", [Waveform(2), LogMel()], ids=lambda one: type(one).__name__)
def test_zeros_have_the_form_of_the_true_sound(tested, front_end):
    heard, true = read_audio(tested["d"], CLIP, front_end), read_audio(tested["a"], CLIP, front_end)
    assert heard.shape == true.shape
    assert torch.equal(heard, front_end(torch.zeros(1))) or not heard.any() or heard.unique().numel() == 1


@pytest.mark.parametrize("sound", SOUNDS)
def test_every_sound_of_a_silent_video_is_its_silence(tested, sound):
    front_end = Waveform(2)
    assert not hear(tested["d"], CLIP, front_end, sound, Given(tested["a"])).any()
    assert hear(tested["a"], CLIP, front_end).any()


def test_silent_videos_neither_give_nor_are_given_a_sound(tested):
    a, d = tested["a"], tested["d"]
    others = [replace(a, name=name) for name in "xyz"]
    whose = partners([d, *others, a])
    assert d.key not in whose
    assert set(whose) == {video.key for video in whose.values()} == {video.key for video in (*others, a)}
    with pytest.raises(ValueError, match=r"one test video, lab/a, besides 1 video declared silent"):
        partners([a, d])


def test_a_declaration_changes_what_a_result_is_made_of(tested):
    silent = tested["d"]
    sounding = replace(silent, silent=False)
    assert line_of(silent) != line_of(sounding)
    assert files_of(silent, "sound") is None


def test_labels_of_a_silent_video_are_0(tested, tmp_path):
    labels = tmp_path / "av_gt_label/lab/d.txt"
    silent = replace(tested["d"], labels=labels)
    assert labels_of(silent) == (False,) * 4
    assert consistency(silent) is None, "a set without labels"
    labels.parent.mkdir(parents=True)
    assert consistency(silent) == (False,) * 4
    labels.write_text("0\n0\n1\n0\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"d.txt: lab/d is declared silent, and has the label 1"):
        labels_of(silent)


def test_data_check_warns_of_a_declared_video_that_has_sound(root, tested):
    def silenced():
        report = check_sets({"lab": root}, Workers(1), quick=True)
        return {(f.severity, f.video, f.text) for f in report.findings if f.kind == "silenced"}

    assert not silenced()
    describe(root, SILENT.replace("[d, b 2]", "[d, b 2, a]"))
    ((severity, video, text),) = silenced()
    assert (severity, video) == ("warning", "a")
    assert text.startswith("declared silent, and sounds/a.wav has its sound")


def test_the_record_names_them(root, tested):
    assert dataset("lab").told(root, 1)["own_set"]["silent"] == ["d", "b 2"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (TEXT.replace("fps: 25", "fps: 25\nsilent: [d]"), "10: silent names videos without sound, and the set has no"),
        (SILENT.replace("[d, b 2]", "[d, a, d]"), "11: silent names 'd' twice"),
        (SILENT.replace("[d, b 2]", "[dd]"), "11: unknown video 'dd'"),
        (SILENT.replace("[d, b 2]", "true"), "11: silent"),
        (SILENT.replace("[d, b 2]", "[3]"), "11: silent"),
    ],
)
def test_a_wrong_declaration_names_its_line(root, tested, text, line):
    describe(root, text)
    with pytest.raises(ValueError, match=r"dataset\.yaml:" + line):
        dataset("lab").videos(root, "test", 1)


def test_init_proposes_it_for_videos_without_a_sound_file(tmp_path, capsys):
    names = dict.fromkeys(("one", "two", "yes"), 10)
    parts = {part: f"{part}/{{name}}/{{frame:04d}}.png" for part in ("frames", "maps", "fixations")}
    write_frames(tmp_path, parts, names, first=1)
    for name in ("one", "two"):
        wav(tmp_path / f"sound/{name}.wav", 0.4)
    assert main(["data", "init", str(tmp_path), "--name", "own"]) == 0
    assert "they have no sound: networks that hear are given zeros" in capsys.readouterr().out
    text = (tmp_path / "dataset.yaml").read_text(encoding="utf-8")
    assert 'silent: ["yes"]' in text
    use_root(tmp_path)
    videos = [video for part in ("train", "test") for video in dataset("own").videos(tmp_path, part, 1)]
    assert {video.name for video in videos if video.silent} == {"yes"}
    check_videos(videos, audio=True)
    use_root(None)
    assert main(["data", "check", "own", "--root", str(tmp_path), "--workers", "0", "--quick"]) == 0

"""`avsal hear --pred`: maps that were predicted elsewhere, with the true sound and with another."""

import argparse
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from made_records import PUBLISHED, make
from PIL import Image

from avsal_bench.bench import evaluate as evaluating
from avsal_bench.cli import main
from avsal_bench.cli.hear import add_parser
from avsal_bench.data.dataset import dataset
from avsal_bench.evaluation.map_films import FilmWriter
from avsal_bench.leaderboard.conditions import benches
from avsal_bench.leaderboard.hearing import hearing_claims
from avsal_bench.leaderboard.sound_losses import sound_losses
from avsal_bench.record_story import goes_with, said_by_word, same_but_sound
from avsal_bench.records import METRICS, read_record, record_path, write_record

SIZE = (12, 16)
#: Frames whose maps are others with silence: every third one of each video.
HEARD = 3


def write(folder, video, frame, values):
    (folder / video.name).mkdir(parents=True, exist_ok=True)
    np.save(folder / video.name / f"{frame:05d}.npy", values)


@pytest.fixture(scope="module")
def videos(synth_root):
    return dataset("synth").videos(synth_root, "test", 1)


@pytest.fixture(scope="module")
def maps(tmp_path_factory, videos):
    """Folders ``with`` and ``without`` sound, whose maps are apart in some frames, and ``same`` as the first."""
    root, draw = tmp_path_factory.mktemp("maps"), np.random.default_rng(0)
    for video in videos:
        for frame in range(1, video.n_frames + 1):
            seen, other = draw.random((2, *SIZE), dtype=np.float32)
            write(root / "with", video, frame, seen)
            write(root / "without", video, frame, other if frame % HEARD == 0 else seen)
    shutil.copytree(root / "with", root / "same")
    return root


@pytest.fixture
def folders(space):
    space.leaderboard.mkdir()
    (space.leaderboard / "published.csv").write_bytes(PUBLISHED.read_bytes())
    names = {"runs": space.runs, "leaderboard": space.leaderboard, "synth-root": space.synth_root}
    return [word for name, folder in names.items() for word in (f"--{name}", str(folder))]


@pytest.fixture
def hear(folders, monkeypatch):
    """As the command line does, but errors come through, and pages are made where they are asked for."""

    def typed(*words, pages=False):
        if not pages:
            monkeypatch.setattr("avsal_bench.cli.hear.publish", lambda folder: None)
        parser = argparse.ArgumentParser()
        add_parser(parser.add_subparsers())
        args = parser.parse_args(["hear", "--workers", "0", *folders, *map(str, words)])
        return args.function(args)

    return typed


@pytest.fixture
def copied(maps, tmp_path):
    return shutil.copytree(maps, tmp_path / "maps")


def words(maps, **others):
    others = others or {"muted": "without"}
    folders = [word for sound, name in others.items() for word in (f"--{sound}", maps / name)]
    return ["--pred", maps / "with", *folders, "--dataset", "synth", "--name", "theirs"]


def record(space, sound="original", network="theirs_av"):
    return read_record(record_path(space.records, network, "synth", 1, 0, "stavis", sound))


def line(text, sound, part="all frames"):
    rows = (row for row in text.splitlines() if row.startswith("theirs (maps)"))
    return next(row for row in rows if f" {sound} " in row and part in row)


def test_losses_are_paired_and_the_maps_are_compared_frame_by_frame(hear, maps, videos, space, capsys):
    assert hear(*words(maps, muted="without", noise="same")) == 0
    true, muted, noise = (record(space, sound) for sound in ("original", "muted", "noise"))
    assert {(r.preset, r.modality, r.recipe == {}) for r in (true, muted, noise)} == {("maps", "av", True)}
    for video, scored in zip(videos, muted.videos, strict=True):
        alike = []
        for frame in range(1, video.n_frames + 1):
            pair = (np.load(maps / name / video.name / f"{frame:05d}.npy").ravel() for name in ("with", "without"))
            alike.append(np.corrcoef(*pair)[0, 1])
        assert scored.map_cc == pytest.approx(np.mean(alike), abs=1e-6)
    assert [v.map_cc for v in noise.videos] == [1.0] * len(videos), "equal files are found exactly equal"
    assert [v.map_cc for v in true.videos] == [None] * len(videos)
    assert noise.scores == true.scores
    out = capsys.readouterr().out
    loss = np.mean([a.scores["CC"] - b.scores["CC"] for a, b in zip(true.videos, muted.videos, strict=True)])
    assert f"{loss:+.3f}" in line(out, "muted")
    assert "0.000 [0.000, 0.000]" in line(out, "noise")
    total = sum(video.n_frames for video in videos)
    same = sum(video.n_frames - video.n_frames // HEARD for video in videos)
    assert f"note: muted: {same} of {total} maps are the same file as with the true sound" in out
    assert f"note: noise: all {total} maps are the same files as with the true sound; the sound changed nothing" in out
    assert out.endswith("That the maps differ in the sound alone is the word of who made them.\n")
    assert "8 bits" not in out


def test_records_say_whose_word_it_is_and_which_maps_they_go_with(hear, maps, space, capsys):
    hear(*words(maps), "--trained-on", "nothing", pages=True)
    true, muted = record(space), record(space, "muted")
    assert said_by_word(muted.provenance)
    assert goes_with(muted.provenance) == true.provenance["maps"]["sha256"]
    assert muted.provenance["same_but_sound"]["of"] == true.n_frames
    assert muted.provenance["trained_on"]["known"]
    page = (space.leaderboard / "README.md").read_text(encoding="utf-8")
    assert "What is lost without the true sound? Synth, synthetic" in page
    assert "that they differ in the sound alone is the word of who made them" in page


def test_they_are_the_scores_of_evaluate_and_are_not_made_twice(hear, maps, space, folders, monkeypatch):
    evaluate = ["evaluate", "--pred", str(maps / "with"), "--dataset", "synth", "--name", "theirs", "--modality", "av"]
    monkeypatch.setattr("avsal_bench.cli.evaluate.publish", lambda folder: None)
    assert main([*evaluate, *folders, "--workers", "0"]) == 0
    before = record(space)
    scored = []
    score = evaluating._score_video
    monkeypatch.setattr(evaluating, "_score_video", lambda task: scored.append(task.true) or score(task))
    hear(*words(maps))
    assert record(space) == before, "what evaluate made counts"
    assert len(scored) == len(before.videos)
    assert all(scored), "only those with silence, beside the others"
    hear(*words(maps))
    assert len(scored) == len(before.videos)
    record_path(space.records, "theirs_av", "synth", 1, 0, "stavis", "muted").unlink()
    hear(*words(maps))
    assert len(scored) == len(before.videos), "results of videos are kept beside the record"


def test_a_map_that_changed_is_scored_and_compared_anew(hear, copied, videos, space, monkeypatch):
    hear(*words(copied))
    before = record(space, "muted")
    write(copied / "with", videos[0], 1, np.eye(*SIZE, dtype=np.float32))
    with pytest.raises(ValueError, match=r"theirs_av-fold1-seed0.json is there, and was made of other maps .*--force"):
        hear(*words(copied))
    scored = []
    score = evaluating._score_video
    monkeypatch.setattr(evaluating, "_score_video", lambda task: scored.append(task.video.name) or score(task))
    for path in space.records.rglob("*.json"):
        path.unlink()
    hear(*words(copied))
    assert scored == [videos[0].name] * 2, "with the true sound and, as it is compared with that, with the other"
    after = record(space, "muted")
    assert after.videos[0].map_cc < before.videos[0].map_cc
    assert after.videos[0].scores == before.videos[0].scores
    assert after.videos[1:] == before.videos[1:]


def test_sounds_that_were_asked_for_before_are_told_and_corrected_for(hear, maps, space, capsys, tmp_path):
    hear(*words(maps, muted="without"))
    hear(*words(maps, noise="same"))
    out = capsys.readouterr().out.rsplit("What is lost", 1)[1]
    assert "run original, muted, noise; not run: swapped, matched, shifted" in out
    assert line(out, "muted")
    assert "2 sounds are corrected for" in out
    path = record_path(space.records, "theirs_av", "synth", 1, 0, "stavis", "muted")
    other = record(space, "muted")
    write_record(path, replace(other, provenance=other.provenance | same_but_sound("word", "0" * 64)))
    hear(*words(maps, noise="same"))
    assert "not run: muted, swapped" in capsys.readouterr().out, "of other maps with the true sound"
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"--out .*file: a file is in the place"):
        hear(*words(maps, noise="same"), "-o", tmp_path / "file")


def test_films_and_eight_bits(hear, maps, videos, space, tmp_path, capsys):
    root, draw = tmp_path / "films", np.random.default_rng(1)
    for video in videos:
        for name in ("with", "without"):
            with FilmWriter(root / name / f"{video.name}.mkv", video.fps) as film:
                film.add(torch.from_numpy(draw.random((video.n_frames, 24, 32), dtype=np.float32)))
    hear(*words(root), "--name", "films")
    cc = [v.map_cc for v in record(space, "muted", "films_av").videos]
    assert all(abs(value) < 0.2 for value in cc)
    for name in ("with", "without"):
        for video in videos:
            for frame in range(1, video.n_frames + 1):
                (root / "png" / name / video.name).mkdir(parents=True, exist_ok=True)
                level = draw.integers(0, 255, SIZE, dtype=np.uint8)
                Image.fromarray(level).save(root / "png" / name / video.name / f"{frame}.png")
    capsys.readouterr()
    hear(*words(root / "png"), "--name", "png")
    assert "note: the maps are in 8 bits: they are rounded to 256 levels, and so is what map CC tells" in (
        capsys.readouterr().out
    )


def test_several_folds_at_once(hear, synth_root, space, tmp_path, capsys):
    for fold in (1, 2):
        for video in dataset("synth").videos(synth_root, "test", fold):
            for frame in range(1, video.n_frames + 1):
                for number, name in enumerate(("with", "without")):
                    write(tmp_path / name, video, frame, np.roll(np.eye(*SIZE, dtype=np.float32), number))
    hear(*words(tmp_path), "--fold", "1,2")
    found = [
        read_record(record_path(space.records, "theirs_av", "synth", fold, 0, "stavis", sound))
        for fold in (1, 2)
        for sound in ("original", "muted")
    ]
    tested = {video.video for r in found for video in r.videos}
    (loss,) = [one for one in sound_losses(found) if one.part == "all frames"]
    assert loss.videos == len(tested) > len(found[0].videos)


# what stands in the way


def left_out(maps, videos):
    (maps / "without" / videos[0].name / "00002.npy").unlink()


def wider(maps, videos):
    write(maps / "without", videos[0], 2, np.ones((24, 32), np.float32))


def eight_bits(maps, videos):
    write(maps / "without", videos[0], 2, np.ones(SIZE, np.uint8))


@pytest.mark.parametrize(
    ("damage", "more", "said"),
    [
        (left_out, [], r"without: maps are missing or unreadable"),
        (
            left_out,
            ["--allow-missing"],
            r"\w+, frame 2: there is a map in .*with alone, of .*with and .*without; losses",
        ),
        (wider, [], r"\w+, frame 2: the map is 12x16 float32 in .*with, and 24x32 float32 in .*without; write both in"),
        (eight_bits, [], r"frame 2: the map is 12x16 float32 in .*with, and 12x16 uint8 in .*without"),
    ],
)
def test_maps_that_cannot_be_compared_are_found_before_any_is_scored(
    damage, more, said, hear, copied, videos, space, monkeypatch
):
    damage(copied, videos)
    monkeypatch.setattr(evaluating, "score_maps", None)
    with pytest.raises(ValueError, match=said):
        hear(*words(copied), *more)
    assert not list(space.records.rglob("*.json"))


def test_frames_that_lack_in_both_are_left_out_of_both(hear, copied, videos, space):
    left_out(copied, videos)
    (copied / "with" / videos[0].name / "00002.npy").unlink()
    hear(*words(copied), "--allow-missing")
    assert [record(space, sound).videos[0].skipped for sound in ("original", "muted")] == [1, 1]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (
            ["--pred", "with", "--dataset", "synth"],
            r"--pred .*with: maps with the true sound alone; .* such as --muted",
        ),
        (["--pred", "with", "--muted", "with", "--dataset", "synth"], r"--pred and --muted are one folder, .*with; a"),
        (
            ["--pred", "with", "--muted", "same", "--noise", "same", "--dataset", "synth"],
            r"--muted and --noise are one",
        ),
        (["--pred", "with", "--muted", "none", "--dataset", "synth"], r"no folder of maps .*none; see --muted"),
        (["--pred", "none", "--muted", "with", "--dataset", "synth"], r"no folder of maps .*none; see --pred"),
        (["--pred", "with", "--muted", "without"], r"--pred needs --dataset, the set whose test list is meant"),
        (["--muted", "without", "--dataset", "synth"], r"--(dataset|muted) goes with .*--pred, which is missing"),
        (["--muted", "without"], r"--muted goes with --pred, which is missing"),
        (["a.json", "--pred", "with", "--muted", "without"], r"RECORD and --pred are two ways to say what is tested"),
        (["--weights", "w.pt", "--pred", "with"], r"--weights and --pred are two ways"),
        (["a.json", "--name", "mine"], r"--name goes with --weights or --pred, not with RECORD"),
        (["--pred", "with", "--muted", "without", "--sound", "muted"], r"--sound goes with RECORD or --weights, not"),
        (["--pred", "with", "--muted", "without", "--model", "avrsp"], r"--model goes with --weights, not with --pred"),
        (["--pred", "with", "--muted", "without", "--precision", "bf16"], r"--precision goes with RECORD or --weights"),
        ([], r"name records, --weights, or folders of maps with --pred; `avsal hear --help` has examples"),
        (["--pred", "with", "--muted", "without", "--dataset", "synth", "--protocol", "x"], r"unknown protocol 'x'"),
        (["--pred", "with", "--muted", "without", "--dataset", "synth", "--fold", "4"], r"expected 1, 2 or 3, got 4"),
        (["--pred", "with", "--muted", "without", "--dataset", "synth", "--name", "a b"], r"--name .*a b"),
    ],
)
def test_words_that_do_not_fit(typed, said, hear, maps, monkeypatch, space):
    monkeypatch.setattr(evaluating, "score_maps", None)
    monkeypatch.chdir(maps)
    with pytest.raises((ValueError, FileNotFoundError), match=said):
        hear(*typed)
    assert not list(space.records.rglob("*.json"))


# records of maps in what is made of records


def of_maps(sound="original", sha="a" * 64, **told):
    one = make([0.5, 0.4] if sound == "original" else [0.3, 0.4], "theirs", "av", "synth", sound=sound, preset="maps")
    return replace(one, weights={"sha256": None}, provenance={"maps": {"sha256": sha}, **told})


def test_maps_count_only_where_their_records_say_what_they_go_with():
    vouched = of_maps("muted", "b" * 64, **same_but_sound("word", "a" * 64))
    (loss,) = [one for one in sound_losses([of_maps(), vouched]) if one.part == "all frames"]
    assert (loss.model, loss.sound, loss.losses["CC"].mean) == ("theirs", "muted", pytest.approx(0.1))
    assert sound_losses([of_maps(), of_maps("muted", "b" * 64)]) == [], (
        "evaluate made them: nobody says how they differ"
    )
    assert sound_losses([of_maps(sha="c" * 64), vouched]) == [], "the true maps are others by now"
    assert sound_losses([vouched]) == []
    for odd in (None, 3, [], {"true": 3}, {"true": ""}):
        strange = [replace(of_maps(), weights={}, provenance={}), of_maps("muted", "b" * 64, same_but_sound=odd)]
        assert sound_losses(strange) == []


def test_claims_about_networks_that_are_trained_here_ask_no_maps():
    records = [of_maps(), of_maps("muted", "b" * 64, **same_but_sound("word", "a" * 64))]
    assert benches(records) == []
    assert [claim.text for claim in hearing_claims(records)] == ["a network hears"]
    assert {m for bench in benches(records, None) for m in bench.models()} == {("theirs", "maps")}
    assert set(METRICS)

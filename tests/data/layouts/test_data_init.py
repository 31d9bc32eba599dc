"""`avsal data init`: what it makes of trees of files, and what it says where it cannot tell."""

import json
from collections import Counter

import pytest
import yaml
from own_trees import CLIPS, LAB, describe, film, fixations, save, wav, write_frames, write_lab
from own_trees import density as drawn

from avsal_bench.cli.app import main
from avsal_bench.data.describing import description_text, look_at_tree
from avsal_bench.data.describing.inside import is_film, near_rate, picture_of
from avsal_bench.data.describing.tree_files import files_of_tree
from avsal_bench.data.layouts.described import described_sets

TRUTH = {part: LAB[part] for part in ("maps", "fixations")}


def guessed(root):
    """The one set that is found, what was guessed of it, and its description as YAML."""
    found = look_at_tree(root)
    (one,) = found.sets
    plain = yaml.safe_load(description_text(found)) if found.whole else {}
    return one, {guess.what: (guess.value, guess.sure) for guess in one.guesses}, plain


def test_a_lab_tree_with_pictures_from_0(tmp_path):
    write_frames(tmp_path, LAB, CLIPS)
    one, guesses, plain = guessed(tmp_path)
    assert plain["files"] == {
        "frames": "pictures/{name}/f{frame:03}.png",
        "maps": "heat/{name}/{frame:03}.png",
        "fixations": "points/{name}/{frame:03}.png",
    }
    assert plain["first"] == 0
    assert plain["split"] == {"fraction": 0.2, "seed": 0}
    assert guesses["frames"][1] == "sure"
    assert guesses["maps"][1] == "likely", "its name, heat, says nothing"
    assert guesses["fps"] == ("30", "not found")
    assert guesses["viewers"] == ("", "not found")
    assert sorted(one.names) == sorted(CLIPS)


def test_what_is_written_is_read_back(tmp_path, capsys):
    write_frames(tmp_path / "my lab", LAB, CLIPS)
    root = tmp_path / "my lab"
    assert main(["data", "init", str(root)]) == 0
    said = capsys.readouterr().out
    assert f"wrote {root / 'dataset.yaml'}" in said
    assert "my-lab  5 videos train, 1 is tested, 26 frames" in said
    (one,) = described_sets(root).values()
    assert one.name == "my-lab"
    videos = [v for part in ("train", "test") for v in one.videos(root, part, 1)]
    assert {v.name: v.n_frames for v in videos} == CLIPS
    assert all(files.path(v.n_frames).is_file() for v in videos for files in v.parts.values())


def test_a_description_is_never_replaced_unasked(tmp_path, capsys):
    write_lab(tmp_path)
    before = (tmp_path / "dataset.yaml").read_text()
    assert main(["data", "init", str(tmp_path)]) == 2
    assert "dataset.yaml is there; look at it" in capsys.readouterr().err
    assert main(["data", "init", str(tmp_path), "--dry-run"]) == 0
    assert "layout: stavis" in capsys.readouterr().out
    assert (tmp_path / "dataset.yaml").read_text() == before
    assert main(["data", "init", str(tmp_path), "--force", "--name", "again"]) == 0
    assert (tmp_path / "dataset.yaml").read_text() != before
    assert list(described_sets(tmp_path)) == ["again"]


def test_films_with_maps_in_folders_and_flat(tmp_path):
    for name in "abc":
        film(tmp_path / f"folders/stimuli/{name}.avi", 10, 25, tone=name != "c")
        film(tmp_path / f"flat/videos/{name}.avi", 10, 25, tone=True)
    write_frames(tmp_path / "folders", TRUTH, dict.fromkeys("abc", 10))
    flat = {"maps": "maps/{name}_{frame:04d}.png", "fixations": "fix/{name}_{frame:04d}.png"}
    write_frames(tmp_path / "flat", flat, dict.fromkeys("abc", 10), first=1)
    _, guesses, plain = guessed(tmp_path / "folders")
    assert plain["files"]["frames"] == "stimuli/{name}.avi"
    assert (plain["fps"], plain["sound"], plain["silent"]) == (25, True, ["c"])
    assert guesses["fps"][1] == "sure"
    _, guesses, plain = guessed(tmp_path / "flat")
    assert plain["files"]["maps"] == "maps/{name}_{frame:04}.png"
    assert plain["sound"] is True
    assert "first" not in plain
    assert guesses["sound"] == ("true", "sure")


def test_video_files_of_two_endings_and_two_rates(tmp_path):
    film(tmp_path / "v/a.avi", 6, 25)
    film(tmp_path / "v/b.mkv", 6, 30)
    write_frames(tmp_path, TRUTH, dict.fromkeys("ab", 6))
    _, _, plain = guessed(tmp_path)
    assert plain["files"]["frames"] == "v/{name}.*"
    assert plain["fps"] == {"a": 25, "b": 30}


def test_the_rate_follows_from_the_sound(tmp_path):
    write_frames(tmp_path, LAB, dict.fromkeys("abc", 10))
    for name in "abc":
        wav(tmp_path / f"audio/{name}/{name}.wav", 10 / 25)
    _, guesses, plain = guessed(tmp_path)
    assert (plain["fps"], plain["sound"]) == (25, True)
    assert guesses["fps"] == ("25", "likely")
    assert plain["files"]["sound"] == "audio/{name}/{name}.wav"
    assert near_rate(29.96) == pytest.approx(29.97, abs=1e-3)
    assert near_rate(17.3) is None


def test_gaze_says_how_many_watched(tmp_path):
    write_frames(tmp_path, LAB, dict.fromkeys("ab", 4))
    for name in "ab":
        path = tmp_path / f"gaze/{name}/observers.csv"
        path.parent.mkdir(parents=True)
        path.write_text("video,observer,frame,x,y\n" + "".join(f"{name},P{k},1,2,3\n" for k in range(7)))
    _, _, plain = guessed(tmp_path)
    assert plain["files"]["gaze"] == "gaze/{name}/observers.csv"
    assert plain["viewers"] == 7


def test_a_tree_in_the_layout_of_stavis_with_lists_beside_a_set_of_the_package(real_root, capsys):
    for folder in ("video_frames", "video_audio", "annotations"):
        (real_root / folder / "SumMe").rename(real_root / folder / "Mine")
    for path in (real_root / "fold_lists").glob("SumMe*"):
        path.rename(path.with_name(path.name.replace("SumMe", "Mine")))
    found = look_at_tree(real_root)
    assert sorted(found.built_in) == ["avad", "coutrot1", "coutrot2", "dhf1k", "diem", "etmd"]
    assert main(["data", "init", str(real_root)]) == 0
    assert "of the package, which need no description" in capsys.readouterr().out
    one = described_sets(real_root)["Mine"]
    assert (one.folds, one.sound) == (True, True)
    assert [v.name for v in one.videos(real_root, "test", 2)] == ["video1"]
    assert one.videos(real_root, "test", 2)[0].fps == 25.0


def test_dhf1k_as_published_and_with_frames_extracted(tmp_path):
    published = {
        "maps": "D/annotation/{name}/maps/{frame:04d}.png",
        "fixations": "D/annotation/{name}/fixation/{frame:04d}.png",
    }
    write_frames(tmp_path / "p", published, {"0001": 4, "0002": 4, "0003": 4}, first=1)
    for n in (1, 2, 3):
        film(tmp_path / f"p/D/video/{n:03d}.AVI", 4, 30)
    _, _, plain = guessed(tmp_path / "p")
    assert plain["files"]["frames"] == "D/video/{name:03}.AVI"
    assert (plain["layout"], plain["fps"]) == ("dhf1k", 30)
    for part, listed in {"train": {"1": 3, "2": 3}, "val": {"3": 3}}.items():
        parts = {"frames": "images", "maps": "maps", "fixations": "fixations"}
        extracted = {key: f"D/{part}/{{name}}/{kind}/{{frame:04d}}.png" for key, kind in parts.items()}
        write_frames(tmp_path / "e", extracted, listed, first=1)
    _, guesses, plain = guessed(tmp_path / "e")
    assert plain["split"] == {"folders": {"train": "train", "test": "val"}}
    assert plain["files"]["maps"] == "D/{part}/{name}/maps/{frame:04}.png"
    assert guesses["split"][1] == "sure"


def test_a_third_part_chooses_the_checkpoint(tmp_path):
    for part, listed in {"train": {"a": 3, "b": 3}, "valid": {"c": 3}, "test": {"d": 3}}.items():
        write_frames(tmp_path / "folders", {k: p.replace("{name}", f"{part}/{{name}}") for k, p in LAB.items()}, listed)
    _, guesses, plain = guessed(tmp_path / "folders")
    assert plain["split"] == {"folders": {"train": "train", "test": "test"}, "validation": "valid"}
    assert guesses["split"][1] == "sure"
    write_frames(tmp_path / "lists", LAB, dict.fromkeys("abcd", 4))
    for part, listed in {"train": "a 4 25\nb 4 25\n", "val": "c 4 25\n", "test": "d 4 25\n"}.items():
        (tmp_path / f"lists/{part}.txt").write_text(listed)
    _, _, plain = guessed(tmp_path / "lists")
    assert plain["split"] == {"lists": "{part}.txt", "validation": "val"}


def test_images(tmp_path):
    for n in range(5):
        rows = (drawn(n)[..., None].repeat(3, -1) // 3) + [[[0, 40 * n, 200 - 50 * n]]]
        save(tmp_path / f"STIMULI/i{n:04d}.jpg", rows.astype("uint8")[: 24 - n % 2])
        save(tmp_path / f"MAPS/i{n:04d}_fixMap.png", drawn(n))
        save(tmp_path / f"MAPS/i{n:04d}_fixPts.png", fixations(n))
    one, _, plain = guessed(tmp_path)
    assert one.stills
    assert plain["layout"] == "stills"
    assert plain["files"]["frames"] == "STIMULI/{name}.jpg"
    assert plain["files"]["maps"] == "MAPS/{name}_fixMap.png"
    assert plain["files"]["fixations"] == "MAPS/{name}_fixPts.png"
    assert "fps" not in plain


def test_what_is_missing_is_said_in_words(tmp_path, capsys):
    film(tmp_path / "videos/a.avi", 3, 25)
    assert main(["data", "init", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "maps and fixations not found; nothing was written" in said
    assert not (tmp_path / "dataset.yaml").exists()
    write_frames(tmp_path, {"maps": LAB["maps"]}, {"a": 3, "b": 3})
    assert main(["data", "init", str(tmp_path)]) == 1
    assert "beside the maps there are none; nothing can be scored without them" in capsys.readouterr().out
    write_frames(tmp_path, {"fixations": LAB["fixations"]}, {"a": 3, "b": 3})
    assert main(["data", "init", str(tmp_path), "--dry-run"]) == 0
    assert "1 video, 1 with maps have none" in capsys.readouterr().out


def test_one_video_without_a_folder_of_its_name(tmp_path):
    write_frames(tmp_path, {"frames": "images/{frame:04d}.png", "maps": "maps/{frame:04d}.png"}, {"a": 5}, first=1)
    found = look_at_tree(tmp_path)
    assert not found.whole
    assert "look like frames of one video, and no level of folders bears its name" in found.notes[0]


def test_maps_in_colours_are_no_maps(tmp_path):
    write_frames(tmp_path, {"frames": LAB["maps"], "fixations": LAB["fixations"]}, {"a": 3, "b": 3})
    found = look_at_tree(tmp_path)
    assert not found.whole
    (tmp_path / "heat").rename(tmp_path / "maps")
    assert any("in colours, so neither maps nor fixation maps" in note for note in look_at_tree(tmp_path).notes)


def test_lengths_that_differ_are_said(tmp_path):
    write_frames(tmp_path, LAB, {"a": 5, "b": 5, "c": 5})
    (tmp_path / "pictures/a/f004.png").unlink()
    (tmp_path / "points/b/001.png").unlink()
    save(tmp_path / "pictures/c/f005.png", drawn(1)[..., None].repeat(3, -1))
    said = {(g.what, g.why) for g in guessed(tmp_path)[0].guesses if g.sure == "odd"}
    assert ("frames and maps", "1 video has fewer frames than maps: a") in said
    assert any(what == "files of fixations" and why.endswith("such as b") for what, why in said)
    assert any("more frames than maps, such as c" in why for _, why in said)


@pytest.mark.parametrize("args", [["nowhere"], [], ["--name", "a/b", "."]])
def test_bad_input_is_one_line(tmp_path, args, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_frames(tmp_path, LAB, {"a": 2, "b": 2})
    assert main(["data", "init", *args]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_the_schema_is_printed(capsys):
    assert main(["data", "init", "--schema"]) == 0
    assert "name" in json.loads(capsys.readouterr().out)["required"]


def test_strays_and_folders_of_ours_are_of_no_set(tmp_path):
    write_frames(tmp_path, LAB, {"a": 2, "b": 2})
    write_frames(tmp_path / "prepared/lab", {"maps": "x/{name}/{frame:03d}.png"}, {"a": 2})
    save(tmp_path / "heat/a/._000.png", drawn(1))
    (tmp_path / "notes.docx").touch()
    files = files_of_tree(tmp_path)
    assert Counter(one.count for one in files.series) == {2: 6}
    assert files.others == {".docx": 1}


def test_what_a_picture_is_of(tmp_path):
    save(tmp_path / "map.png", drawn(3))
    save(tmp_path / "map.jpg", drawn(3))
    save(tmp_path / "points.png", fixations(3))
    save(tmp_path / "black.png", drawn(3) * 0)
    found = {name: picture_of([tmp_path / name]) for name in ("map.png", "map.jpg", "points.png", "black.png")}
    assert found == {"map.png": "maps", "map.jpg": "maps", "points.png": "fixations", "black.png": ""}
    (tmp_path / "broken.png").write_bytes(b"\x89PNG")
    assert picture_of([tmp_path / "broken.png"]) == ""
    assert not is_film([tmp_path / "broken.png", tmp_path / "map.png"])


def test_init_in_a_root_whose_description_is_broken_can_replace_it(tmp_path):
    write_frames(tmp_path, LAB, {"a": 2, "b": 2})
    describe(tmp_path, "name: [")
    assert main(["data", "init", str(tmp_path), "--force"]) == 0
    assert described_sets(tmp_path)

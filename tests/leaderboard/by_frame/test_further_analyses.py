"""The parts of `avsal analyse` that go by frames and by maps: what is there is told, and what is missing by name."""

import csv
import dataclasses

import numpy as np
import pytest
from made_records import make, save
from PIL import Image

from avsal_bench.cli import main
from avsal_bench.data.dataset import dataset
from avsal_bench.leaderboard.by_frame.packed_scores import VideoFrames, pack, packed_path
from avsal_bench.records import METRICS, VideoScores, mean_scores, score_curve, write_record
from avsal_bench.studies import mean_maps
from avsal_bench.studies.mean_maps import in_centre, maps_of_network, maps_of_people

KINDS = ("timbre", "pulse")


def board(folder, models, with_frames=True):
    """A board of networks whose frames score their place in ``models`` more than those of the one before."""
    paths = []
    for number, model in enumerate(models):
        found = {
            f"v{k}": VideoFrames(
                np.arange(1, 16), {m: np.sin(np.arange(15) + k) * 0.1 + 0.3 + 0.1 * number for m in METRICS}
            )
            for k in range(6)
        }
        videos = [
            VideoScores(
                name,
                15,
                {m: float(v.mean()) for m, v in one.scores.items()},
                {},
                KINDS[k % 2],
                curve={m: score_curve(one.numbers.tolist(), v.tolist(), 15) for m, v in one.scores.items()},
            )
            for k, (name, one) in enumerate(found.items())
        ]
        record = dataclasses.replace(make([], model=model, dataset="synth"), videos=videos, scores=mean_scores(videos))
        [path] = (save(folder / model, [record]) / "records").rglob("*.json")
        if with_frames:
            told = pack(path, found)
            write_record(path, dataclasses.replace(record, provenance=record.provenance | told))
        paths.append(path)
    return paths


def analyse(synth_root, out, *paths):
    words = [*map(str, paths), "-o", str(out), "--synth-root", str(synth_root), "--runs", str(out / "runs")]
    return main(["analyse", *words])


def table(path):
    return list(csv.DictReader(path.open(encoding="utf-8")))


def test_frames_beside_records_are_told_of_each_network_and_each_pair(tmp_path, synth_root, capsys):
    paths = board(tmp_path, ["toy", "toyer", "toyest"])
    assert analyse(synth_root, tmp_path / "out", *paths) == 0
    said = capsys.readouterr().out
    assert "Of the frames that define NSS for both" in said
    assert "No frame scores" not in said
    duels = {(d["first"], d["second"]): d for d in table(tmp_path / "out" / "duels.csv") if d["metric"] == "NSS"}
    assert duels["toyest_v", "toy_v"]["share_first_better"] == "1.0"
    assert duels["toyest_v", "toy_v"]["frames"] == "90"
    kl = [d for d in table(tmp_path / "out" / "duels.csv") if d["metric"] == "KL"]
    assert {d["share_first_better"] for d in kl if d["first"] == "toyest_v"} == {"0.0"}
    first = [line for line in table(tmp_path / "out" / "first_frames.csv") if line["metric"] == "CC"]
    assert [line["frames"] for line in first] == ["60"] * 3
    shares = table(tmp_path / "out" / "distribution.csv")
    assert sum(float(line["share_of_frames"]) for line in shares if line["network"] == "toy_v") == pytest.approx(
        1, abs=1e-4
    )
    units = {(v["within"], v["observations"]) for v in table(tmp_path / "out" / "variance.csv") if v["metric"] == "NSS"}
    assert {("all", "frame"), ("pulse", "frame"), ("all", "video")} <= units
    assert np.asarray(Image.open(tmp_path / "out" / "distribution.png").convert("L")).std() > 5


def test_a_network_whose_frames_are_missing_or_anothers_is_left_out_by_name(tmp_path, synth_root, capsys):
    paths = board(tmp_path, ["toy", "toyer"])
    packed_path(paths[1]).write_bytes(packed_path(paths[0]).read_bytes())
    assert analyse(synth_root, tmp_path / "out", *paths) == 0
    said = capsys.readouterr().out
    assert "One network has frame scores; name another one to set it against." in said
    assert f"- toyer_v: {packed_path(paths[1])}: not the frame scores of the record beside it" in said
    assert not (tmp_path / "out" / "duels.csv").exists()
    assert {line["network"] for line in table(tmp_path / "out" / "distribution.csv")} == {"toy_v"}


def test_one_network_without_categories_or_frames_has_no_variance_and_no_frames(tmp_path, synth_root, capsys):
    [path] = board(tmp_path, ["toy"], with_frames=False)
    assert analyse(synth_root, tmp_path / "out", path) == 0
    said = capsys.readouterr().out
    assert "category" in said
    assert "the record has no scores of single frames" in said
    assert "the ground truth" in said or "people: " in said, "the record tells of no ground truth that it was made of"


@pytest.fixture
def seen(monkeypatch, synth_root, space):
    """The test videos of the embedded set, whatever record is asked for; a row that has one, and the space."""
    videos = dataset("synth").videos(synth_root, "test", 1)
    monkeypatch.setattr(mean_maps, "FRAMES", 4)
    monkeypatch.setattr(mean_maps, "tested_videos", lambda record, space: (videos, synth_root))
    from avsal_bench.leaderboard.tables import rows

    [row] = rows([make({v.name: 0.5 for v in videos}, dataset="synth")])
    return row, videos, space


def test_mean_maps_count_videos_alike_and_are_told_by_category(seen, tmp_path):
    row, videos, space = seen
    people, (looked, central) = maps_of_people(row, space)
    assert not people.missing
    assert people.videos["all"] == len(videos)
    assert set(people.maps) == {"all", *(v.category for v in videos)}
    assert people.maps["all"].sum() == pytest.approx(1)
    assert 0 <= central <= looked <= 10 * len(videos)
    for video in videos:
        folder = tmp_path / "maps" / video.name
        folder.mkdir(parents=True)
        left = np.zeros((8, 16), dtype=np.uint8)
        left[:, :8] = 200
        for frame in range(1, video.n_frames + 1):
            Image.fromarray(left).save(folder / f"{frame:05d}.png")
    found = maps_of_network(row, {(1, 0): tmp_path}, space)
    assert found.maps["all"][:, :32].sum() == pytest.approx(1)
    assert found.maps["all"][:, 32:].sum() == pytest.approx(0, abs=1e-9)
    (tmp_path / "maps" / videos[0].name / "00001.png").unlink()
    missing = maps_of_network(row, {(1, 0): tmp_path}, space).missing
    assert f"no map of {videos[0].key}, frame 1; give all frames a map" in missing
    assert maps_of_network(row, {}, space).missing.endswith("bench it with --keep-maps")


def test_the_centre_is_a_quarter_of_the_frame():
    assert in_centre(np.ones((4, 8))) == 0.25
    assert in_centre(np.ones((5, 7))) == pytest.approx(0.25)
    middle = np.zeros((4, 4))
    middle[1:3, 1:3] = 3
    assert in_centre(middle) == 1
    assert in_centre(np.flip(np.eye(4, k=3))) == 0

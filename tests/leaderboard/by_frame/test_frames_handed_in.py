"""Frame scores go with their records: into a leaderboard, out of an archive; those of another record do not."""

import dataclasses
import tarfile
import zipfile

import numpy as np
import pytest
from made_records import check, save, whole

from avsal_bench.cli.app import main
from avsal_bench.leaderboard.by_frame.packed_scores import VideoFrames, pack, packed_path, unpack
from avsal_bench.leaderboard.merged_records import record_files
from avsal_bench.leaderboard.record_places import local_places
from avsal_bench.leaderboard.submissions.handed_in import files_in
from avsal_bench.leaderboard.submissions.publishing import publish_records
from avsal_bench.records import METRICS, read_record, write_record


def handed_in(folder, value=0.5, model="toy"):
    """A record with nothing against it, with the scores of its frames beside it."""
    record = whole(value=value, model=model)
    found = {
        v.video: VideoFrames(np.arange(1, 1 + v.frames), {m: np.full(v.frames, value) for m in METRICS})
        for v in record.videos
    }
    path = folder / f"{record.network}-fold1-seed0.json"
    told = pack(path, found)
    write_record(path, dataclasses.replace(record, provenance=record.provenance | told))
    return path


def test_they_are_published_beside_their_record(tmp_path):
    path = handed_in(tmp_path / "in")
    problems = {}
    assert list(files_in([tmp_path / "in"], problems, [])) == [path], "no file of its own"
    found = check(tmp_path, [tmp_path / "in"])
    assert not found.problems
    place, frames = publish_records(found, tmp_path / "board")
    assert frames == packed_path(place)
    assert unpack(place, read_record(place)).keys() == {v.video for v in read_record(path).videos}


def test_what_git_ignores_is_not_to_be_committed(tmp_path, capsys):
    handed_in(tmp_path / "in")
    save(tmp_path / "board", [])
    assert main(["submit", str(tmp_path / "in"), "--leaderboard", str(tmp_path / "board")]) == 0
    listed = capsys.readouterr().out.split("commit these:")[1]
    assert "-fold1-seed0.json" in listed
    assert "-fold1-seed0.frames.npy" not in listed
    assert "not 1 file of frame scores (.frames.npy), too large for a repository" in listed


def test_a_record_whose_file_was_left_at_home_is_published_and_says_what_is_missing(tmp_path):
    path = handed_in(tmp_path / "in")
    packed_path(path).unlink()
    found = check(tmp_path, [path])
    assert not found.problems
    [place] = publish_records(found, tmp_path / "board")
    with pytest.raises(FileNotFoundError, match="which has the frame scores of the record beside it"):
        unpack(place, read_record(place))


@pytest.mark.parametrize("wrong", ["other", "damaged", "link", "untold"])
def test_others_are_refused_by_name(tmp_path, wrong):
    path = handed_in(tmp_path / "in")
    file = packed_path(path)
    other = packed_path(handed_in(tmp_path / "other", 0.6))
    if wrong == "link":
        file.unlink()
        file.symlink_to(other)
    elif wrong == "untold":
        write_record(path, whole(model="toy"))
    else:
        file.write_bytes(other.read_bytes() if wrong == "other" else file.read_bytes()[:-4])
    found = check(tmp_path, [tmp_path / "in"])
    problems = [problem for of_file in found.problems.values() for problem in of_file]
    assert any(".frames.npy" in str(p) or "no scores of single frames" in str(p) for p in problems), problems
    assert any("hand the record in without this file" in p.fix for p in problems)
    with pytest.raises(ValueError, match="nothing is published"):
        publish_records(found, tmp_path / "board")


@pytest.mark.parametrize("form", ["zip", "tar.gz"])
def test_they_come_out_of_an_archive(tmp_path, form):
    path = handed_in(tmp_path / "in")
    archive = tmp_path / f"theirs.{form}"
    files = [path, packed_path(path)]
    if form == "zip":
        with zipfile.ZipFile(archive, "w") as packed:
            for file in files:
                packed.write(file, f"records/stavis/avad/{file.name}")
    else:
        with tarfile.open(archive, "w:gz") as packed:
            for file in files:
                packed.add(file, f"records/stavis/avad/{file.name}")
    [place], _ = local_places([archive], tmp_path / "runs")
    [taken] = record_files(place)
    assert unpack(taken, read_record(taken))

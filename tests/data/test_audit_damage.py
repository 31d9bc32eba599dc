"""`avsal data check`: every kind of damage is told once, with its place and what training makes of it."""

import shutil

import numpy as np
import pytest
from audit_trees import (
    FOLDER,
    SET,
    N,
    _no_published_lists,  # noqa: F401
    black,
    change_list,
    check,
    clean_fixture,  # noqa: F401
    crossed,
    cut,
    density,
    fixations,
    for_each,
    frame,
    gaze,
    grey,
    label,
    mat,
    noise,
    only,
    play,
    point,
    root_fixture,  # noqa: F401
    sound,
)
from PIL import Image

from avsal_bench.data.audit.notes import KINDS
from avsal_bench.data.dataset import dataset
from avsal_bench.data.files.presence import check_videos
from avsal_bench.data.files.timeline import index_of
from avsal_bench.data.synth.making import encode_mp4
from avsal_bench.evaluation.truth import Truth

BEFORE, AT_TEST = "stop before they start", "test stops at this video"
#: damage, and of its one finding: severity, kind, where, a part of the text, a part of what training does.
DAMAGE = {
    "frame gone": (lambda r: frame(r, 7).unlink(), "error", "frames missing", "frame 7", "img_00007.jpg", BEFORE),
    "frames gone": (
        lambda r: for_each((2, 3, 4, 9), lambda n: frame(r, n).unlink()),
        *("error", "frames missing", "frames 2-4, 9", "4 of the 12 files", BEFORE),
    ),
    "map gone": (lambda r: density(r, 12).unlink(), "error", "maps missing", "frame 12", "eyeMap_00012.jpg", BEFORE),
    "fixations gone": (lambda r: fixations(r, 1).unlink(), "error", "fixations missing", "frame 1", "1 of", BEFORE),
    "frame cut": (lambda r: cut(frame(r, 5)), "error", "unreadable frame", "frame 5", "img_00005.jpg", "come to it"),
    "frame empty": (lambda r: cut(frame(r, 5), 0), "error", "unreadable frame", "frame 5", "img_00005", "come to it"),
    "frames no image": (
        lambda r: for_each((1, 2), lambda n: frame(r, n).write_text("404 not found")),
        *("error", "unreadable frame", "frames 1-2", "first in video_frames/Coutrot_db2/video1/img_00001.jpg"),
        "come to it",
    ),
    "map cut": (lambda r: cut(density(r, 3)), "error", "unreadable map", "frame 3", "truncated", "come to it"),
    "mat cut": (lambda r: cut(fixations(r, 3)), "error", "unreadable fixations", "frame 3", "fixMap_00003", AT_TEST),
    "mat empty": (lambda r: cut(fixations(r, 3), 0), "error", "unreadable fixations", "frame 3", "fixMap_", AT_TEST),
    "mat without variable": (
        lambda r: mat(fixations(r, 3), point(), "places"),
        *("error", "unreadable fixations", "frame 3", "no variable 'eyeMap'", AT_TEST),
    ),
    "mat of text": (
        lambda r: mat(fixations(r, 3), "text"),
        *("error", "unreadable fixations", "frame 3", "no map of numbers", AT_TEST),
    ),
    "frame size": (
        lambda r: grey(frame(r, 4), 90, (24, 32)),
        *("warning", "frame size", "frame 4", "size 24x32, most frames have 48x64", "resized"),
    ),
    "map size": (
        lambda r: Image.fromarray(np.arange(48, dtype=np.uint8).reshape(6, 8)).save(density(r, 4)),
        *("error", "map size", "frame 4", "size 6x8, the fixation maps have 48x64", "training resizes it; the test"),
    ),
    "fixation size": (
        lambda r: mat(fixations(r, 4), point(size=(24, 32))),
        *("error", "fixation size", "frame 4", "size 24x32, the first frame's is 48x64", AT_TEST),
    ),
    "maps of another size": (
        lambda r: for_each(
            range(1, N + 1),
            lambda n: (
                Image.open(density(r, n)).resize((32, 24)).save(density(r, n)),
                mat(fixations(r, n), point(size=(24, 32))),
            ),
        ),
        *("warning", "frame and map", "all frames", "frames have size 48x64 (height x width), maps 24x32, the same"),
        "are resized",
    ),
    "black map": (
        lambda r: black(r, (4, 5, 6)),
        *(
            "warning",
            "black map",
            "frames 4-6",
            "yet there are fixations",
            "CC has no score there, and SIM and KL are 0",
        ),
    ),
    "nobody looked": (
        lambda r: black(r, (4,), empty=True),
        *("note", "nobody looked", "frame 4", "black and has no fixations", "NSS, AUC-J and sAUC have none"),
    ),
    "all black": (
        lambda r: black(r, range(1, N + 1)),
        *("error", "all maps black", "annotations/Coutrot_db2/video1/maps", "all 12 maps", "training stops"),
    ),
    "flat map": (
        lambda r: grey(density(r, 2), 77),
        *("warning", "flat map", "frame 2", "77 everywhere", "CC and SIM have no score"),
    ),
    "no fixations": (
        lambda r: mat(fixations(r, 2), point(0)),
        *("warning", "no fixations", "frame 2", "not black", "NSS, AUC-J and sAUC have no score"),
    ),
    "counts in place of fixations": (
        lambda r: mat(fixations(r, 2), point(3) + point(1)[::-1]),
        *("note", "fixation counts", "frame 2", "from 1 to 3 on a pixel", "above 0 counts"),
    ),
    "rows x columns in place of fixations": (
        lambda r: for_each(range(1, N + 1), lambda n: mat(fixations(r, n), crossed())),
        *(
            "note",
            "grids",
            "annotations/Coutrot_db2/video1",
            "100 % of the fixated pixels of 5 frames",
            "docs/dhf1k.md",
        ),
    ),
    "a density in place of fixations": (
        lambda r: mat(fixations(r, 2), np.add.outer(np.arange(48), np.arange(64)).astype(np.uint8)),
        *("error", "fixation values", "frame 2", "values from 0 to 110, 110 different ones", "stop when they come"),
    ),
    "densities in colours": (
        lambda r: Image.fromarray(np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)).save(density(r, 2)),
        *("error", "unreadable map", "frame 2", "a picture in colours", "stop when they come"),
    ),
    "files of other programs": (
        lambda r: for_each(("._img_00001.jpg", "img_00001 (1).jpg"), lambda n: frame(r, 1).with_name(n).touch()),
        *("note", "stray files", "video_frames/Coutrot_db2/video1", "2: ._img_00001.jpg, img_00001 (1)", "not read"),
    ),
    "a category of no video": (
        lambda r: (r / "annotations" / "Coutrot_db2" / "categories.csv").write_text("video;category\nvideo9;x\n"),
        *("warning", "category", "annotations/Coutrot_db2/categories.csv:2", "'video9' has the category 'x'", "tables"),
    ),
    "NaN in fixations": (
        lambda r: mat(fixations(r, 2), point(1.0, dtype=np.float64) + np.where(np.eye(48, 64) > 0, np.nan, 0)),
        *("error", "fixation values", "frame 2", "NaN", "stop when they come"),
    ),
    "negative fixations": (
        lambda r: mat(fixations(r, 2), point(1, dtype=np.int16) - point(2, dtype=np.int16)[::-1]),
        *("error", "fixation values", "frame 2", "values from -2 to 1", "stop when they come"),
    ),
    "inverted fixations": (
        lambda r: mat(fixations(r, 2), 1 - point()),
        *("warning", "most fixated", "frame 2", "100 % of the pixels", "next to nothing"),
    ),
    "more frames": (
        lambda r: for_each((13, 14), lambda n: shutil.copy(frame(r, 1), frame(r, n))),
        *("note", "extra files", "video_frames/Coutrot_db2/video1", "img_00013.jpg to img_00014.jpg", "not read"),
    ),
    "one map more": (
        lambda r: shutil.copy(fixations(r, 1), fixations(r, 0)),
        *(
            "note",
            "extra files",
            "annotations/Coutrot_db2/video1",
            "1 more than the list's 12 frames: fixMap_00000.mat",
        ),
        "not read",
    ),
    "no sound": (
        lambda r: sound(r).unlink(),
        *("error", "sound missing", "video1", "2 of 3 videos have sound", "'v' does not read it"),
    ),
    "sound is no sound": (
        lambda r: sound(r).write_text("404 not found"),
        *("error", "unreadable sound", "video_audio/Coutrot_db2/video1/video1.wav", "", "('av', 'a') stop"),
    ),
    "sound cut": (
        lambda r: cut(sound(r), 0.25),
        *("error", "short sound", "video_audio/Coutrot_db2/video1/video1.wav", "0.12 s of sound for 0.48 s", "'av'"),
    ),
    "sound without samples": (
        lambda r: play(sound(r), np.zeros(0)),
        *("error", "short sound", "video_audio/Coutrot_db2/video1/video1.wav", "0 samples", "('av', 'a') stop"),
    ),
    "sound too long": (
        lambda r: play(sound(r), noise(1.6)),
        *("note", "long sound", "video_audio/Coutrot_db2/video1/video1.wav", "1.60 s of sound for 0.48", "never heard"),
    ),
    "low rate": (
        lambda r: play(sound(r), noise(0.48, 8000), 8000),
        *("warning", "low sample rate", "video_audio/Coutrot_db2/video1/video1.wav", "8000 Hz", "resampled"),
    ),
    "clipped": (
        lambda r: play(sound(r), np.clip(noise(0.48, amplitude=4), -1, 1)),
        *("note", "clipped sound", "video_audio/Coutrot_db2/video1/video1.wav", "% of the samples", "heard as it is"),
    ),
    "digital zero": (
        lambda r: play(sound(r), np.zeros(10584)),
        *("note", "no sound in it", "video_audio/Coutrot_db2/video1/video1.wav", "the whole track", "muted"),
    ),
    "antiphase": (
        lambda r: play(sound(r), np.stack([noise(0.48), -noise(0.48)], 1), subtype="FLOAT"),
        *("note", "no sound in it", "video_audio/Coutrot_db2/video1/video1.wav", "the whole track", "muted"),
    ),
    "NaN in sound": (
        lambda r: play(sound(r), np.where(np.arange(10584) == 99, np.nan, noise(0.48)), subtype="FLOAT"),
        *("error", "broken samples", "video_audio/Coutrot_db2/video1/video1.wav", "1 of 10,584 samples", "stop before"),
    ),
    "sound of 16 bits as floats": (
        lambda r: play(sound(r), 32768 * noise(0.48), subtype="FLOAT"),
        *("error", "broken samples", "video_audio/Coutrot_db2/video1/video1.wav", "full scale is 1", "stop before"),
    ),
    "sound of an impossible rate": (
        lambda r: play(sound(r), noise(0.48), 2_000_000_000),
        *("error", "unreadable sound", "video_audio/Coutrot_db2/video1/video1.wav", "2000000000 samples", "stop"),
    ),
    "label of 2": (
        lambda r: label(r, "1\n2\n" * (N // 2)),
        *(
            "error",
            "bad labels",
            "av_gt_label/Coutrot_db2/video1.txt",
            "expected the label 0 or 1, got '2'",
            "AVC-aware",
        ),
    ),
    "a label too few": (
        lambda r: label(r, "1\n" * (N - 1)),
        *("error", "bad labels", "av_gt_label/Coutrot_db2/video1.txt", f"{N - 1} labels for {N} frames", "AVC-aware"),
    ),
    "no labels of one video": (
        lambda r: label(r, None),
        *("warning", "labels missing", "av_gt_label/Coutrot_db2/video1.txt", "this one has none", "AVC-aware"),
    ),
    "gaze outside": (
        lambda r: gaze(r, "video1,a,3,64,5", "video1,b,3,-0.5,5", "video1,a,4,5,48", "video1,a,5,63.9,47.9"),
        *("warning", "gaze outside", "frames 3-4", "such as x 64, y 5 of a", "do not read it"),
    ),
    "gaze of another header": (
        lambda r: gaze(r, "3,1,4,5", header="frame,observer,x,y"),
        *("warning", "unreadable gaze", "annotations/Coutrot_db2/video1/observers.csv", "first line", "do not read it"),
    ),
    "gaze without a number": (
        lambda r: gaze(r, "video1,a,3,,5"),
        *("warning", "unreadable gaze", "annotations/Coutrot_db2/video1/observers.csv", "2: no x or no y", "not read"),
    ),
    "nothing of a video": (
        lambda r: [shutil.rmtree(p.parent) for p in (frame(r, 1), sound(r))] and shutil.rmtree(fixations(r, 1).parent),
        *("error", "video missing", "video1", "2 of 3 videos have frames, maps and fixations", BEFORE),
    ),
    "rates differ between lists": (
        lambda r: change_list(r, "video1 12 25.000000", "video1 12 24.000000", folds=(1,)),
        *("warning", "unequal", "folds 1, 2, 3", "differ between lists", "its own list"),
    ),
    "twice in a list": (
        lambda r: change_list(r, "video1 12 25.000000\n", "video1 12 25.000000\n" * 2, folds=(1,)),
        *("error", "list", "train 1", "both name 'video1', which would count twice", BEFORE),
    ),
    "trained on and tested": (
        lambda r: change_list(r, "video1 12", "video1 12 25\nvideo0 12", folds=(1,)),
        *("error", "list", "train 1", "both name 'video0': it would be tested on what it was trained on", BEFORE),
    ),
    "trained on and tested on purpose": (
        lambda r: [
            change_list(r, "video1 12", "video1 12 25\nvideo0 12", folds=(1,)),
            change_list(r, "video0", "# overlaps\nvideo0", part="test", folds=(1,)),
        ],
        *("note", "leak", "fold 1", "in the training and the test list", "that it is meant"),
    ),
    "a line of another form": (
        lambda r: change_list(r, "video1 12", "video1 twelve", folds=(1,)),
        *("error", "list", "train 1", "'video1 twelve 25.000000'", BEFORE),
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_each_damage_gives_its_finding(damage, root):
    act, severity, kind, where, text, training = DAMAGE[damage]
    act(root)
    found = only(check(root))
    assert (found.severity, found.kind, found.where) == (severity, kind, where)
    assert text in found.text
    assert training in found.training
    assert found.dataset == SET
    whole = ("list", "category")
    expected = {"trained on and tested on purpose": "video0"}.get(damage, "" if kind in whole else "video1")
    assert found.video == expected
    assert str(root) not in found.where


@pytest.mark.parametrize("damage", [d for d, told in DAMAGE.items() if told[-1] == BEFORE])
def test_training_does_stop_before_it_starts(damage, root):
    DAMAGE[damage][0](root)
    with pytest.raises((FileNotFoundError, ValueError)):
        check_videos([v for part in ("train", "test") for v in dataset(SET).videos(root, part, 1)], audio=False)


@pytest.mark.parametrize("damage", [d for d, told in DAMAGE.items() if "('av', 'a') stop before" in KINDS[told[2]][1]])
def test_networks_that_hear_do_stop_and_others_do_not(damage, root):
    DAMAGE[damage][0](root)
    videos = dataset(SET).videos(root, "test", 2)
    check_videos(videos, audio=False)
    with pytest.raises((FileNotFoundError, ValueError)):
        check_videos(videos, audio=True)


@pytest.mark.parametrize("damage", [d for d, told in DAMAGE.items() if "test stops" in KINDS[told[2]][1]])
def test_the_test_does_stop_at_that_video(damage, root):
    DAMAGE[damage][0](root)
    [video] = dataset(SET).videos(root, "test", 2)
    if damage == "mat empty":  # an empty file is seen sooner
        with pytest.raises(ValueError, match=r"00003\.mat is empty"):
            check_videos([video], audio=True)
        return
    check_videos([video], audio=True)
    frames, truth = range(1, N + 1), Truth(video)
    with pytest.raises(ValueError, match=r"0000[34]"):
        (truth.fixations(frames), truth.densities(frames))


def film(root, name="video1", count=N, fps=25.0):
    """Put a video file in place of the pictures and the wav."""
    shutil.rmtree(root / f"video_frames/{FOLDER}/{name}", ignore_errors=True)
    shutil.rmtree(root / f"video_audio/{FOLDER}/{name}", ignore_errors=True)
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 255, (48, 64, 3), dtype=np.uint8) for _ in range(count)]
    path = root / f"video_files/{FOLDER}/{name}.mp4"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_mp4(images, noise(count / fps).astype(np.float32), fps))
    return path


def test_video_files(root):
    film(root)
    assert check(root).findings == ()
    assert check(root, quick=True).findings == ()


@pytest.mark.parametrize(
    ("options", "kind", "text"),
    [
        ({"count": N + 3}, "extra files", "15 pictures, 3 more than the list's frames"),
        ({"count": N - 3}, "frames missing", "the file has 9 pictures, the list asks for 12"),
        ({"fps": 24.0}, "frame rate", "24 frames a second in the file, 25 in the list"),
    ],
)
def test_video_files_that_do_not_fit_their_list(root, options, kind, text):
    film(root, **options)
    found = only(check(root, quick=True, audio=False))
    assert (found.kind, found.where, found.text) == (kind, f"video_files/{FOLDER}/video1.mp4", text)
    assert only(check(root, audio=False)) == found


@pytest.mark.parametrize(("fps", "severity"), [(24.0, "warning"), (20.0, "error")])
def test_networks_that_hear_stop_where_two_frame_rates_drift_apart(root, fps, severity):
    """By over a frame: 12 frames at 24 a second end half a frame late."""
    film(root, fps=fps)
    found = only(check(root))
    assert (found.kind, found.severity) == ("frame rate", severity)
    videos = dataset(SET).videos(root, "test", 2)
    if severity == "error":
        with pytest.raises(ValueError, match=r"video1.mp4: 20 frames a second, and the list says 25"):
            check_videos(videos, audio=True)
    else:
        check_videos(videos, audio=True)


def test_a_video_file_with_damage_that_the_decoder_mends(root):
    path = film(root)
    content, packets = bytearray(path.read_bytes()), index_of(path).packets
    place = int(packets.positions[8] + 0.3 * packets.sizes[8])
    content[place : place + 20] = b"\xff" * 20
    path.write_bytes(content)
    found = only(check(root))
    assert (found.severity, found.kind, found.where) == ("warning", "mended frame", f"video_files/{FOLDER}/video1.mp4")
    assert found.text.startswith("damaged from frame 7, at 0.240 s (Invalid data found when processing input) on")


def test_video_files_damaged_or_gone(root):
    path = film(root)
    cut(path)
    assert {f.kind for f in check(root).findings} == {"unreadable frame", "unreadable sound"}
    path.unlink()
    assert {(f.kind, f.video) for f in check(root).findings} == {
        ("frames missing", "video1"),
        ("sound missing", "video1"),
    }

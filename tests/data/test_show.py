from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest
import soundfile
from conftest import write_dhf1k, write_list, write_video
from PIL import Image
from scipy.io import savemat
from scipy.ndimage import label

from avsal_bench.data import painting
from avsal_bench.data.gaze.samples import Gaze, Sample, write_gaze
from avsal_bench.data.pictures import show
from avsal_bench.data.pictures.show import (
    Track,
    contact_sheet,
    draw_waveform,
    find_video,
    overlay_video,
    painted_frames,
)
from avsal_bench.data.places import VideoFile

HEIGHT, WIDTH = 61, 99
FRAMES, FPS = 10, 12.5
CURSOR, FIXATION, OBSERVER = np.array((0xE0, 0x50, 0x00)), painting.FIXATION, painting.OBSERVER


def write_plain(root, name, n_frames=FRAMES, size=(HEIGHT, WIDTH), sound=True):
    """Grey frames with a density in the upper left quarter and one fixation in the lower right one."""
    height, width = size
    write_video(root, "AVAD", name, n_frames, fps=FPS, size=size, sound=sound)
    density = np.zeros(size, dtype=np.uint8)
    density[4 : height // 2 - 4, 4 : width // 2 - 4] = 200
    fixated = np.zeros(size, dtype=np.uint8)
    fixated[3 * height // 4, 3 * width // 4] = 1
    annotations = root / "annotations" / "AVAD" / name
    for n in range(1, n_frames + 1):
        Image.fromarray(np.full((*size, 3), 100, np.uint8)).save(
            root / "video_frames" / "AVAD" / name / f"img_{n:05d}.jpg", quality=95
        )
        Image.fromarray(density).save(annotations / "maps" / f"eyeMap_{n:05d}.jpg", quality=95)
        savemat(annotations / f"fixMap_{n:05d}.mat", {"eyeMap": fixated})


@pytest.fixture
def plain_root(tmp_path):
    root = tmp_path / "data"
    write_plain(root, "plain")
    for fold in (1, 2, 3):
        for part in ("train", "test"):
            overlaps = "# overlaps\n" if part == "test" else ""
            write_list(root, "AVAD", part, f"_{fold}", f"{overlaps}plain {FRAMES} {FPS}\n")
    return root


@pytest.fixture
def plain(plain_root):
    return find_video("avad", plain_root, "plain")


def pixels_of(path):
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def near(pixels, colour, tolerance=12):
    return (np.abs(pixels - np.array(colour)) <= tolerance).all(-1)


def decoded(path):
    """Frames ``(n, h, w, 3)`` of an mp4, its frame rate, and its sound (None without)."""
    with av.open(str(path)) as container:
        rate = container.streams.video[0].average_rate
        frames = np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)]).astype(int)
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return frames, rate, None
        stream = container.streams.audio[0]
        sound = np.concatenate([f.to_ndarray()[0] for f in container.decode(stream)])
        return frames, rate, (sound, stream.rate, float(stream.duration * stream.time_base))


def test_the_overlay_has_its_colours_and_leaves_the_rest(plain):
    (image,) = painted_frames(plain, [3], (122, 198))
    pixels = np.asarray(image).astype(int)
    assert pixels.shape == (122, 198, 3)
    red, green, blue = pixels[30, 49]  # inside the density, where it is highest: yellow over grey
    assert red > 180
    assert green > 150
    assert blue < 60
    assert near(pixels[80:, :60], (100, 100, 100), 4).all()
    y, x = np.argwhere(near(pixels, FIXATION)).mean(0)
    # The centre of the fixated pixel, twice as large.
    assert (y, x) == pytest.approx((2 * (3 * HEIGHT // 4) + 0.5, 2 * (3 * WIDTH // 4) + 0.5), abs=0.3)


def test_an_empty_density_leaves_the_frame_as_it_is():
    frame = np.random.default_rng(0).integers(0, 255, (5, 6, 3), dtype=np.uint8)
    assert np.array_equal(painting.blend(frame, np.zeros((5, 6), np.float32)), frame)


def test_low_densities_are_red_and_clearer_than_high_ones():
    frame = np.full((1, 3, 3), 100, np.uint8)
    clear, low, high = painting.blend(frame, np.array([[0.0, 0.2, 1.0]], np.float32))[0].astype(int)
    assert (clear == 100).all()
    assert low[0] > 110 > low[1]
    assert high[0] > low[0]
    assert high[1] > 150


def test_dots_and_rings_at_the_border_are_cut_not_wrapped():
    picture = np.full((20, 30, 3), 100, np.uint8)
    painting.draw_dots(picture, np.array([[0.0, 0.0], [29.0, 19.0], [500.0, -500.0]]), 2)
    assert tuple(picture[0, 0]) == tuple(picture[19, 29]) == FIXATION
    assert (picture[19, 0] == 100).all()
    painting.draw_rings(picture, np.array([[15.0, 10.0]]), 5)
    assert tuple(picture[10, 19]) == OBSERVER
    assert (picture[10, 15] == 100).all()


def test_observers_are_drawn_where_there_is_gaze(plain, tmp_path):
    gaze = Gaze.of([Sample("a", 2, 20.5, 40.5), Sample("b", 3, 80.0, 10.0)])
    write_gaze(tmp_path / "gaze.csv", gaze, "plain")
    seen = replace(plain, gaze=tmp_path / "gaze.csv")
    first, second = (np.asarray(i).astype(int) for i in painted_frames(seen, [1, 2], (HEIGHT, WIDTH)))
    assert not near(first, OBSERVER, 40).any()
    assert np.argwhere(near(second, OBSERVER, 40)).mean(0) == pytest.approx((40, 20), abs=0.3)
    contact_sheet(seen, tmp_path / "seen.png")
    contact_sheet(plain, tmp_path / "unseen.png")
    legend = [near(pixels_of(tmp_path / f"{n}.png")[: show.HEAD], OBSERVER).any() for n in ("seen", "unseen")]
    assert legend == [True, False]


def test_a_sheet_shows_tiles_sound_and_marks(plain, tmp_path):
    contact_sheet(plain, tmp_path / "deep" / "sheet.png", columns=4, rows=2)
    pixels = pixels_of(tmp_path / "deep" / "sheet.png")
    assert pixels.shape[1] == 1600
    tile = (1600 - 2 * show.BORDER - 3 * show.GAP) // 4
    assert pixels.shape[0] == pytest.approx(2 * tile * HEIGHT / WIDTH + 300, abs=60)
    # Each of 8 tiles has one fixation.
    tiles = pixels[show.HEAD : -show.WAVE - 3 * show.CAPTION]
    assert label(near(tiles, FIXATION))[1] == 8
    bottom = pixels[-show.BORDER - show.CAPTION - show.WAVE :]
    marks = np.flatnonzero(near(bottom[:100], CURSOR).all(0)) - show.BORDER
    shown = np.array(painting.evenly(FRAMES, 8))
    assert marks == pytest.approx((shown - 1) / FRAMES * 1560, abs=1)
    assert near(bottom, (0x48, 0x78, 0xA8)).sum() > 10000
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["sheet.png"]


def test_a_sheet_of_a_short_video_has_fewer_rows(plain, tmp_path):
    contact_sheet(plain, tmp_path / "all.png")
    contact_sheet(replace(plain, n_frames=6), tmp_path / "six.png")
    contact_sheet(replace(plain, n_frames=1), tmp_path / "one.png")
    heights = [Image.open(tmp_path / f"{n}.png").height for n in ("all", "six", "one")]
    assert heights[0] > heights[1] == heights[2]


def test_sound_after_the_last_frame_is_grey(plain, tmp_path):
    samples = 0.1 * np.random.default_rng(0).standard_normal(round(2 * FRAMES / FPS * 8000))
    soundfile.write(tmp_path / "long.wav", samples, 8000)
    contact_sheet(replace(plain, audio=tmp_path / "long.wav"), tmp_path / "long.png")
    bottom = pixels_of(tmp_path / "long.png")[-show.BORDER - show.CAPTION - show.WAVE :][: show.WAVE]
    blue, grey = (near(bottom, c).any(0) for c in ((0x48, 0x78, 0xA8), (0xC8, 0xC8, 0xC8)))
    assert np.flatnonzero(blue).max() == pytest.approx(800, abs=2)
    assert np.flatnonzero(grey).min() == pytest.approx(801, abs=2)


def test_a_waveform_has_the_shape_of_its_sound():
    samples = np.concatenate([np.full(500, 0.5), np.zeros(500), np.full(500, -0.25)]).astype(np.float32)
    pixels = np.asarray(draw_waveform(Track(samples, 1000), 2.0, 2.0, (101, 200))).astype(int)
    line = near(pixels, (0x48, 0x78, 0xA8))
    assert [np.flatnonzero(line[:, x]).tolist() for x in (25, 75, 125)] == [[2], [50], [74]]
    assert not line[:, 151:].any()  # the sound is over


def test_the_envelope_keeps_every_peak():
    samples = np.zeros(1000, np.float32)
    samples[[3, 997]] = 1, -1
    found = painting.envelope(samples, 7)
    assert found[0].tolist() == [0, 1]
    assert found[6].tolist() == [-1, 0]
    assert not found[1:6].any()
    assert painting.envelope(samples[:3], 10).shape == (10, 2)
    assert painting.envelope(samples[:0], 4).tolist() == [[0, 0]] * 4


def test_an_mp4_has_all_frames_the_sound_and_a_cursor_that_moves(plain, tmp_path):
    overlay_video(plain, tmp_path / "plain.mp4")
    frames, rate, sound = decoded(tmp_path / "plain.mp4")
    height, width = 5 * HEIGHT + show.LINE + show.STRIP, 5 * WIDTH  # 391 and 495: one more for even sizes
    assert frames.shape == (FRAMES, height + 1, width + 1, 3)
    assert rate == Fraction(25, 2)
    assert frames[:, -1].mean() < 30
    assert near(frames[:, 5 * 15, 5 * 20], (203, 177, 30), 40).all()
    assert near(frames[:, 5 * 50, 5 * 20], (100, 100, 100), 12).all()
    strip = frames[:, 5 * HEIGHT + show.LINE :][:, : show.STRIP].mean(1)  # (n, w, 3)
    cursor = (strip[..., 0] - strip[..., 2]).argmax(1)
    assert cursor == pytest.approx(np.arange(FRAMES) / FRAMES * width, abs=2)
    samples, sound_rate, seconds = sound
    assert sound_rate == 22050
    assert seconds == pytest.approx(FRAMES / FPS, abs=0.05)
    original, _ = soundfile.read(plain.audio)
    assert samples[5000:12000].std() == pytest.approx(original[5000:12000].std(), rel=0.2)


def test_an_mp4_keeps_sound_and_frames_together(plain, tmp_path):
    samples = np.zeros(round(FRAMES / FPS * 44000))
    samples[22000:24000] = np.sin(np.arange(2000) / 5)
    soundfile.write(tmp_path / "click.wav", np.stack([samples, samples], 1), 44000)  # AAC has no such rate
    overlay_video(replace(plain, audio=tmp_path / "click.wav"), tmp_path / "click.mp4")
    sound, rate, _ = decoded(tmp_path / "click.mp4")[2]
    assert rate == show.FALLBACK_RATE
    assert np.flatnonzero(np.abs(sound) > 0.5)[0] / rate == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("seconds", [0.3, 3.0])
def test_the_sound_of_an_mp4_ends_with_its_track_or_its_last_frame(plain, tmp_path, seconds):
    soundfile.write(tmp_path / "s.wav", 0.1 * np.random.default_rng(0).standard_normal(round(seconds * 16000)), 16000)
    overlay_video(replace(plain, audio=tmp_path / "s.wav"), tmp_path / "s.mp4")
    frames, _, (_, _, heard) = decoded(tmp_path / "s.mp4")
    assert len(frames) == FRAMES
    assert heard == pytest.approx(min(seconds, FRAMES / FPS), abs=0.1)


def test_a_set_without_sound(tmp_path):
    write_dhf1k(tmp_path, n_frames=4)
    video = find_video("dhf1k", tmp_path, "0601")
    overlay_video(video, tmp_path / "silent.mp4")
    frames, rate, sound = decoded(tmp_path / "silent.mp4")
    assert sound is None
    assert rate == 30
    assert frames.shape == (4, 8 * 48 + show.LINE, 8 * 64, 3)
    contact_sheet(video, tmp_path / "silent.png")
    assert not near(pixels_of(tmp_path / "silent.png")[-150:], (0x48, 0x78, 0xA8)).any()


def test_frames_straight_from_a_video_file(synth_root, tmp_path):
    video = find_video("synth", synth_root, "timbre_01")
    path = synth_root / "video_files" / "synth" / "timbre_01.mp4"
    encoded = replace(video, frames=VideoFile(path), audio=path)
    pictures, originals = (
        [np.asarray(i).astype(int) for i in painted_frames(v, [1, 20], (96, 144))] for v in (encoded, video)
    )
    for picture, original in zip(pictures, originals, strict=True):
        assert np.abs(picture - original).mean() < 6
    contact_sheet(encoded, tmp_path / "sheet.png")
    assert near(pixels_of(tmp_path / "sheet.png")[-150:], (0x48, 0x78, 0xA8)).sum() > 10000


def test_large_frames_are_shrunk(tmp_path):
    write_plain(tmp_path, "large", n_frames=2, size=(200, 2000))
    for fold in (1, 2, 3):
        for part in ("train", "test"):
            overlaps = "# overlaps\n" if part == "test" else ""
            write_list(tmp_path, "AVAD", part, f"_{fold}", f"{overlaps}large 2 {FPS}\n")
    overlay_video(find_video("avad", tmp_path, "large"), tmp_path / "large.mp4")
    frames = decoded(tmp_path / "large.mp4")[0]
    assert frames.shape == (2, 128 + show.LINE + show.STRIP, 1280, 3)
    assert np.argwhere(near(frames[0], FIXATION, 40)).mean(0) == pytest.approx((96, 960), abs=2)


def test_digital_silence_is_a_line(plain, tmp_path):
    soundfile.write(tmp_path / "zero.wav", np.zeros(8000), 8000)
    silent = replace(plain, audio=tmp_path / "zero.wav")
    contact_sheet(silent, tmp_path / "zero.png")
    assert near(pixels_of(tmp_path / "zero.png")[-140:], (0x48, 0x78, 0xA8)).any(1).sum() == 1
    assert Track(np.zeros(8, np.float32), 8).describe() == "sound 1.00 s at 8 Hz, digital silence"


def test_a_wrong_name_suggests_the_nearest(plain_root):
    with pytest.raises(ValueError, match="unknown video of avad 'plian'; did you mean 'plain'"):
        find_video("avad", plain_root, "plian")
    with pytest.raises(ValueError, match="did you mean 'avad'"):
        find_video("avid", plain_root, "plain")


def test_bad_input_is_named_and_leaves_nothing(plain, tmp_path):
    with pytest.raises(ValueError, match=r"ends in \.png"):
        contact_sheet(plain, tmp_path / "x.mp4")
    with pytest.raises(ValueError, match=r"ends in \.mp4"):
        overlay_video(plain, tmp_path / "x.png")
    with pytest.raises(ValueError, match="0 columns and 4 rows"):
        contact_sheet(plain, tmp_path / "x.png", columns=0)
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"cannot write x.png .*file"):
        contact_sheet(plain, tmp_path / "file" / "x.png")
    plain.densities.path(9).unlink()
    for write, name in ((contact_sheet, "x.png"), (overlay_video, "x.mp4")):
        with pytest.raises(FileNotFoundError, match="eyeMap_00009"):
            write(plain, tmp_path / name)
    with pytest.raises(FileNotFoundError, match="missing sound"):
        contact_sheet(replace(plain, audio=tmp_path / "none.wav"), tmp_path / "x.png")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data", "file"]


def test_frames_of_another_size_are_named(plain, tmp_path):
    Image.new("RGB", (20, 20)).save(plain.frames.path(9))
    with pytest.raises(ValueError, match=r"avad/plain: frames of several sizes"):
        overlay_video(plain, tmp_path / "x.mp4")
    # Between two chunks, where the reader sees one size only.
    Image.new("RGB", (20, 20)).save(plain.frames.path(10))
    with pytest.raises(ValueError, match=r"avad/plain: frame 9 has size \(20, 20\), frame 1 \(61, 99\)"):
        overlay_video(plain, tmp_path / "x.mp4")

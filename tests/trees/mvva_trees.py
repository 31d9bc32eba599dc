"""Small trees of MVVA in both forms in which it lies on disks, with their quirks, whose numbers say what they are.

Frame n of video v: its map is brightest where the first viewer looks, at `point`; viewer 3 is missing in even frames,
viewer 4 looks to the left of the picture in frame 2 and below it in frame 3. Two faces: the left one talks in odd
frames, the right one is seen from frame 3 on and never talks.
"""

import av
import numpy as np
import soundfile
from conftest import write_list
from PIL import Image

#: Numbers of the videos, as their files have them, and frames a second of the files; lists say 25.
FILES = {"82": 25, "005": 30, "91": 25, "103": 24, "212": 25, "301": 25}
#: Frames of each, and sizes of videos and of maps.
N, SIZE, MAPS = 8, (72, 128), (36, 64)
VIEWERS = 5
LEFT, RIGHT = (16, 8, 48, 40), (80, 16, 120, 56)


def number(name):
    return f"{int(name):03d}"


def point(name, n):
    """x and y of the first viewer in 1280 x 720."""
    return 100.0 + 40 * n + int(name) % 50, 300.0 + 10 * n


def gaze(name):
    """Frames x 2 x viewers, with what vinet_v2's files hold."""
    points = np.full((N, 2, VIEWERS), np.nan)
    for n in range(1, N + 1):
        x, y = point(name, n)
        points[n - 1, :, :2] = [[x, x], [y, y]]
        points[n - 1, :, 2] = 1279.9, 719.9
        if n % 2:
            points[n - 1, :, 3] = 900.5, 100.5
    points[1, :, 4] = -0.5, 300
    points[2, :, 4] = 640, 720
    return points


def boxes():
    """A list of faces a frame, of which the second comes later."""
    frames = np.empty(N, dtype=object)
    for n in range(N):
        frames[n] = [[*map(float, LEFT), 0.9]] if n < 2 else [[*map(float, LEFT), 0.9], [*map(float, RIGHT), 0.8]]
    return frames


def talking():
    """Faces x frames."""
    values = np.zeros((2, N))
    values[0, ::2] = 1
    return values


def picture(name, n):
    grey = np.full((*SIZE, 3), 30 + 3 * n + int(name) % 60, dtype=np.uint8)
    grey[:, 8 * n : 8 * n + 8] = 220
    return grey


def saliency(name, n):
    x, y = point(name, n)
    rows, columns = np.mgrid[: MAPS[0], : MAPS[1]]
    return np.uint8(255 * np.exp(-((rows - y / 20) ** 2 + (columns - x / 20) ** 2) / 50))


def write_film(path, name, rate):
    """An mp4 with a track of sound."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        pictures, sound = container.add_stream("libx264", rate=rate), container.add_stream("aac", rate=16000)
        pictures.height, pictures.width = SIZE
        pictures.pix_fmt, pictures.options = "yuv420p", {"crf": "10"}
        for n in range(1, N + 1):
            container.mux(pictures.encode(av.VideoFrame.from_ndarray(picture(name, n))))
        samples = np.sin(np.arange(16000 * N // rate + 4000) / 9).astype(np.float32)[None]
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate = 16000
        container.mux(sound.encode(frame))
        for stream in (pictures, sound):
            container.mux(stream.encode())


def write_lists(root, names=tuple(FILES), family="mvva", folds=("1", "2", "3", "4", "5")):
    """Fold k tests the k-th video and trains on the others."""
    called = [number(name) if family == "mvva" else f"video_{number(name)}" for name in names]
    for k, fold in enumerate(folds):
        lines = [f"{name} {N} 25.0" for name in called]
        write_list(root, family, "test", f"_{fold}", lines.pop(k % len(called)))
        write_list(root, family, "train", f"_{fold}", "\n".join(lines))


def write_points(root, names):
    folder = root / "fixation_data_mvva"
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        np.save(folder / f"{name}.npy", gaze(name))


def write_maps(folder, pattern, first, name):
    folder.mkdir(parents=True)
    for n in range(1, N + 1):
        Image.fromarray(saliency(name, n)).save(folder / pattern.format(n - 1 + first), quality=95)


def write_authors(root, names=tuple(FILES), sound=True):
    """The tree that the authors' scripts read."""
    base = root / "MVVA"
    for folder in ("face_tracking", "face_talking", "sound"):
        (base / folder).mkdir(parents=True)
    for name in names:
        write_film(base / "mvva_video" / f"{name}.mp4", name, FILES[name])
        write_maps(base / "maps" / f"video_{number(name)}", "{:03d}.jpg", 0, name)
        np.save(base / "face_tracking" / f"{name}.npy", boxes(), allow_pickle=True)
        np.save(base / "face_talking" / f"{name}.npy", talking())
        if sound:
            soundfile.write(base / "sound" / f"{name}.wav", np.sin(np.arange(16000) / 9) / 2, 16000)
    write_points(root, names)


def write_vinet(root, names=tuple(FILES), family="mvva", films=False):
    """The tree that the scripts of vinet_v2 read."""
    base = root / "mvva_dataset"
    for name in names:
        called = number(name) if family == "mvva" else f"video_{number(name)}"
        folder = base / "video_frames" / "mvva" / called
        folder.mkdir(parents=True)
        for n in range(1, N + 1):
            Image.fromarray(picture(name, n)).save(folder / f"img_{n:05d}.jpg", quality=95)
        write_maps(base / "annotations" / "mvva" / called / "maps", "eyeMap_{:05d}.jpg", 1, name)
        if films:
            write_film(base / "mvva_video" / f"{name}.mp4", name, FILES[name])
        sound = base / "video_audio" / "mvva" / called
        sound.mkdir(parents=True)
        soundfile.write(sound / f"{called}.wav", np.sin(np.arange(16000) / 9) / 2, 16000)
    write_points(root, map(number, names))

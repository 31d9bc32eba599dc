"""Ten short films and a gaze table, as a laboratory might hand them over: `python make_lab.py lab`.

A coloured disc that sounds moves through each film, a grey one is silent. Four made-up observers follow the disc that
sounds. Sizes and rates differ, one film is upright, one has an odd name, and one has no sound.
"""

import csv
import math
import sys
from pathlib import Path

import av
import numpy as np

RATE = 16000
#: Name, width, height, frames a second, seconds.
FILMS = [
    ("01 street", 160, 96, 10, 2.4),
    ("02 kitchen", 160, 96, 10, 2.4),
    ("03 talk", 128, 96, 12, 2.0),
    ("04 dog", 128, 96, 10, 2.4),
    ("05 Bärbel & Jo (take 2)", 160, 96, 10, 2.4),
    ("06 portrait", 96, 160, 10, 2.4),
    ("07 silent film", 160, 96, 10, 2.4),
    ("08 piano", 160, 96, 25, 1.2),
    ("09 market", 160, 128, 10, 2.4),
    ("10 train", 160, 96, 10, 2.4),
]


def place(number, seconds, width, height):
    """Where the disc that sounds is; another film number gives another path."""
    turn = 2 * math.pi * (0.2 * seconds + 0.37 * number)
    return width * (0.5 + 0.3 * math.cos(turn)), height * (0.5 + 0.3 * math.sin(2 * turn))


def picture(number, seconds, width, height):
    """A frame (h, w, 3) uint8: a soft background, the disc that sounds, and the silent one opposite to it."""
    rows, columns = np.mgrid[:height, :width]
    image = np.stack([60 + 40 * np.sin(columns / 30 + number), 80 + 30 * np.cos(rows / 20), 90 + 0 * rows], axis=2)
    x, y = place(number, seconds, width, height)
    for (cx, cy), colour in (((width - x, height - y), (130, 130, 130)), ((x, y), (240, 200, 40))):
        image[(columns - cx) ** 2 + (rows - cy) ** 2 < 100] = colour
    return image.astype(np.uint8)


def write_film(path, number, width, height, fps, seconds):
    """An mp4 with sound, but for the film that has none."""
    with av.open(str(path), "w") as film:
        video = film.add_stream("mpeg4", rate=fps, options={"qscale": "3"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        audio = film.add_stream("aac", rate=RATE, layout="mono") if "silent" not in path.stem else None
        for n in range(round(fps * seconds)):
            frame = av.VideoFrame.from_ndarray(picture(number, n / fps, width, height), format="rgb24")
            film.mux(video.encode(frame))
        film.mux(video.encode())
        if audio is not None:
            at = np.arange(round(RATE * (seconds + 0.2))) / RATE
            tone = 0.3 * np.sin(2 * np.pi * (220 + 40 * number) * at) * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * at))
            for start in range(0, len(tone) - 1023, 1024):
                samples = np.ascontiguousarray(tone[None, start : start + 1024], dtype=np.float32)
                sound = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
                sound.sample_rate, sound.pts = RATE, start
                film.mux(audio.encode(sound))
            film.mux(audio.encode())


def write_gaze(path):
    """One table of all films: semicolons, decimal commas, milliseconds, fractions of the frame, all people in a row."""
    draw = np.random.default_rng(0)
    people = ["VP1", "VP2", "VP3", "VP4"]
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, delimiter=";")
        table.writerow(["film", "ms", *(f"{who}_{axis}" for who in people for axis in "xy")])
        for number, (name, width, height, _, seconds) in enumerate(FILMS):
            for ms in range(0, round(1000 * seconds), 20):
                row = [name, ms]
                for who in range(len(people)):
                    x, y = place(number, ms / 1000 - 0.1, width, height)
                    x, y = draw.normal((x / width, y / height), 0.05)
                    blinks = (ms + 700 * who) % 2100 < 100
                    row += [-1, -1] if blinks else [f"{x:.4f}".replace(".", ","), f"{y:.4f}".replace(".", ",")]
                table.writerow(row)


if __name__ == "__main__":
    lab = Path(sys.argv[1] if len(sys.argv) > 1 else "lab")
    (lab / "videos").mkdir(parents=True, exist_ok=True)
    for number, (name, *how) in enumerate(FILMS):
        write_film(lab / "videos" / f"{name}.mp4", number, *how)
    write_gaze(lab / "gaze_export.csv")
    print(f"{len(FILMS)} films and gaze_export.csv in {lab}")

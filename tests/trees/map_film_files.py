"""Films of maps as anyone may have written them: by PyAV, in the codecs, depths and layouts that are about."""

import av
import numpy as np
from PIL import Image

#: By the ending: codec, layout of the planes, options.
CODECS = {
    "mp4": ("libx264", "yuv420p", {"crf": "18"}),
    "deep.mp4": ("libx264", "yuv420p10le", {"crf": "0"}),
    "mkv": ("ffv1", "gray", {}),
    "deep.mkv": ("ffv1", "gray10le", {}),
    "avi": ("mpeg4", "yuv420p", {"b": "400000"}),
    "webm": ("libvpx-vp9", "yuv420p", {"crf": "30", "b": "0"}),
}


def write_map_film(path, maps, kind=None, rate=25, colour=None):
    """Write maps ``(h, w)`` from 0 to 1 as luma in the range of video; ``colour``: its chroma, from 0 to 1."""
    codec, layout, options = CODECS[kind or path.suffix[1:]]
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = maps[0].shape
    scale = 4 if layout.endswith("10le") else 1
    with av.open(str(path), "w") as film:
        stream = film.add_stream(codec, rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, layout
        for saliency in maps:
            frame = av.VideoFrame(width, height, layout)
            luma = np.rint((16 + 219 * saliency) * scale).astype(np.uint16 if scale > 1 else np.uint8)
            for number, plane in enumerate(frame.planes):
                rows = np.frombuffer(plane, luma.dtype).reshape(plane.height, -1)
                chroma = 128 * scale if colour is None else np.rint(16 + 224 * colour[number - 1]) * scale
                rows[:, : plane.width] = chroma if number else luma
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))
    return path


def extract(film, folder):
    """The pictures of a film as PNG, as ``ffmpeg -i film folder/%03d.png`` writes them, in grey: all channels agree."""
    folder.mkdir(parents=True)
    with av.open(str(film)) as opened:
        for number, frame in enumerate(opened.decode(video=0), 1):
            deep = max(part.bits for part in frame.format.components) > 8
            colours = frame.to_ndarray(format="rgb48le" if deep else "rgb24")
            assert (colours == colours[..., :1]).all()
            Image.fromarray(colours[..., 0].copy()).save(folder / f"{number:03d}.png")


def moving(n, size=(36, 64), seed=0):
    """Maps from 0 to 1 of a blob that moves over weak noise."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: size[0], : size[1]] / np.array(size)[:, None, None]
    found = []
    for t in range(n):
        y, x = 0.3 + 0.03 * t + 0.1 * seed, 0.2 + 0.05 * t
        blob = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 0.02) + 0.05 * rng.random(size)
        blob -= blob.min()
        found.append(blob / blob.max())
    return found

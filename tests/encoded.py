"""Sets whose files say which video and which frame they are: in the picture, the sound, the map and the fixations.

What is written survives jpg, H.264, AAC and resizing, so that a test can read a batch and know where it came from.
"""

import io
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
import soundfile
import torch
from conftest import write_list
from PIL import Image
from scipy.io import savemat

from avsal_bench.audio.waveform import frame_span
from avsal_bench.data.dataset import dataset

SIZE = (64, 96)
#: Blocks of a picture: 12 bits of the frame, 8 of the video, 4 of their sum, rows first.
ROWS, COLUMNS = 4, 6
#: Places of the blob in a map; one for each frame that a video may have.
MAP_ROWS, MAP_COLUMNS = 4, 8

#: How the six sets may lie on the disk: pictures and a wav, or a video file with its own track.
FORMS = ("pictures", "mp4", "avi", "mkv", "mov", "mp4 and wav")
DHF1K_FORMS = ("published png", "published mat", "extracted")
RATES = {24: Fraction(24), 25: Fraction(25), 29.97: Fraction(30000, 1001), 30: Fraction(30)}

#: Codecs of a video file: pictures, and sound.
CODECS = {
    ".mp4": ("libx264", "aac"),
    ".mkv": ("libx264", "aac"),
    ".mov": ("libx264", "pcm_s16le"),
    ".avi": ("mpeg4", "pcm_s16le"),
}


@dataclass(frozen=True)
class Excerpt:
    """An audio front end that keeps the excerpt as it is: its length, its samples, zeros."""

    sample_rate: int = 22050

    def span(self, first, last, fps, n_samples):
        return frame_span(first, last, fps, self.sample_rate, n_samples)

    def __call__(self, excerpt):
        buffer = torch.zeros(16000)
        buffer[0] = len(excerpt)
        buffer[1 : 1 + len(excerpt)] = excerpt
        return buffer


def picture(video, n, size=SIZE):
    """Blocks of orange for ones and of dark blue for zeros, which also tells RGB from BGR."""
    bits = f"{n:012b}{video:08b}{(n + video) % 16:04b}"
    ones = np.array([bit == "1" for bit in bits]).reshape(ROWS, COLUMNS)
    blocks = np.where(ones[..., None], (235, 150, 30), (20, 10, 60)).astype(np.uint8)
    return blocks.repeat(size[0] // ROWS, 0).repeat(size[1] // COLUMNS, 1)


def read_picture(frame):
    """(video, frame) that a picture ``(3, h, w)`` says it is."""
    h, w = frame.shape[1] // ROWS, frame.shape[2] // COLUMNS
    blocks = frame.float().unfold(1, h, h).unfold(2, w, w)[..., h // 4 : -(h // 4), w // 4 : -(w // 4)].mean((3, 4))
    ones = blocks[0] > 127
    assert (blocks[2] < 127).all(), "blue is low everywhere: the channels are RGB"
    text = "".join("1" if one else "0" for one in ones.flatten())
    n, video, check = int(text[:12], 2), int(text[12:20], 2), int(text[20:], 2)
    assert check == (n + video) % 16, f"damaged picture {text}"
    return video, n


def tone(video, n):
    """Hertz of the sound of a frame."""
    return 400 + 300 * n + 100 * video


def sound(video, n_frames, fps, rate):
    """The tone of each frame, centred on its time stamp, as the front ends take it."""
    times = np.arange(round(n_frames / fps * rate)) / rate
    frames = np.minimum(np.floor(times * float(fps) + 0.5) + 1, n_frames)
    return 0.5 * np.sin(2 * np.pi * np.cumsum(tone(video, frames)) / rate)


def read_tones(buffer, clip, fps, rate):
    """Hertz that the excerpt of a clip holds at each of its frames, each once, in the order of the clip."""
    samples = buffer[1 : 1 + int(buffer[0])].numpy()
    start, _ = frame_span(clip.first, clip.last, fps, rate, 10**9)
    heard = []
    for frame in dict.fromkeys(clip.frames):
        centre = (frame - 1) / fps * rate - start
        centre = len(samples) - 1 - centre if clip.reverse else centre
        reach = 0.35 / fps * rate
        part = samples[max(0, round(centre - reach)) : round(centre + reach)]
        spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)), 1 << 15))
        heard.append(spectrum.argmax() * rate / (1 << 15))
    return heard


def _place(n, size):
    row, column = divmod(n - 1, MAP_COLUMNS)
    return (2 * row + 1) * size[0] // (2 * MAP_ROWS), (2 * column + 1) * size[1] // (2 * MAP_COLUMNS)


def density(video, n, size=SIZE):
    """A blob whose place is the frame, and whose height the video."""
    y, x = _place(n, size)
    rows, columns = np.mgrid[: size[0], : size[1]]
    return ((255 - 60 * video) * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 18)).astype(np.uint8)


def read_density(saliency):
    """(video, frame) that a map ``(h, w)`` in [0, 1] says it is."""
    peak = int(saliency.argmax())
    y, x = divmod(peak, saliency.shape[1])
    n = y * MAP_ROWS // saliency.shape[0] * MAP_COLUMNS + x * MAP_COLUMNS // saliency.shape[1] + 1
    return round((1 - float(saliency.max())) * 255 / 60 - 0.1), n


def fixations(video, n, size=SIZE):
    """A pixel at the place of the blob, and one in the top row at the video's number."""
    fixated = np.zeros(size, dtype=np.uint8)
    fixated[_place(n, size)] = 1
    fixated[0, video] = 1
    return fixated


def read_fixations(fixated):
    """(video, frame) that a fixation map ``(H, W)`` says it is."""
    (video,), (pixel,) = fixated[0].nonzero()[:, 0].tolist(), fixated[1:].flatten().nonzero()[:, 0].tolist()
    y, x = divmod(pixel + fixated.shape[1], fixated.shape[1])
    return video, y * MAP_ROWS // fixated.shape[0] * MAP_COLUMNS + x * MAP_COLUMNS // fixated.shape[1] + 1


def write_video_file(path, pictures, fps, samples=None, rate=44100, late=0.0):
    """A video file of pictures, with B frames and key frames now and then, and of mono sound ``late`` seconds later."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures = list(pictures)
    codec, sound_codec = CODECS[path.suffix.lower()]
    with av.open(path, "w") as container:
        video = container.add_stream(codec, rate=fps)
        video.height, video.width = pictures[0].shape[:2]
        video.pix_fmt = "yuv420p"
        video.options = {"crf": "12", "bf": "2", "g": "5"} if codec == "libx264" else {"qscale": "2", "g": "5"}
        video.bit_rate = 2_000_000
        audio = None if samples is None else container.add_stream(sound_codec, rate=rate, layout="mono")
        for n, image in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = n + round(max(-late, 0) * fps), 1 / fps
            container.mux(video.encode(frame))
        container.mux(video.encode())
        if audio is not None:
            frame = av.AudioFrame.from_ndarray(samples.astype(np.float32)[None], format="fltp", layout="mono")
            frame.rate, frame.pts, frame.time_base = rate, round(max(late, 0) * rate), Fraction(1, rate)
            container.mux(audio.encode(frame))
            container.mux(audio.encode())


def write_encoded(root, name, form, fps, train=(7, 12), test=(3, 6, 11)):
    """A set with videos of these numbers of frames, in one of its forms; the same lists in every fold.

    Returns:
        The number of each video, by name.
    """
    folder = dataset(name).folder
    first = [*range(1, 1 + len(train)), *range(601, 601 + len(test))]
    names = [f"{k:04d}" if name == "dhf1k" else f"vidéo {k}" for k in first]
    lengths = [*train, *test]
    lines = [f"{name} {n} {float(fps):.6f}\n" for name, n in zip(names, lengths, strict=True)]
    for suffix in ("", "_1", "_2", "_3"):
        if form != "extracted":
            write_list(root, folder, "train", suffix, "".join(lines[: len(train)]))
            write_list(root, folder, "test", suffix, "".join(lines[len(train) :]))
    for video, n_frames in enumerate(lengths):
        if name == "dhf1k":
            _write_dhf1k(root, form, video, names[video], n_frames, fps)
        else:
            _write_stavis(root, folder, form, video, names[video], n_frames, fps)
    return {name: video for video, name in enumerate(names)}


def _write_stavis(root, folder, form, video, name, n_frames, fps):
    annotations = root / "annotations" / folder / name
    (annotations / "maps").mkdir(parents=True)
    for n in range(1, n_frames + 1):
        Image.fromarray(density(video, n)).save(annotations / "maps" / f"eyeMap_{n:05d}.jpg")
        savemat(annotations / f"fixMap_{n:05d}.mat", {"eyeMap": fixations(video, n)})
    pictures = [picture(video, n) for n in range(1, n_frames + 1)]
    if form in ("pictures", "mp4 and wav"):
        wav = root / "video_audio" / folder / name / f"{name}.wav"
        wav.parent.mkdir(parents=True)
        # Of another rate than the front end's, and in stereo.
        samples = sound(video, n_frames, fps, 32000)
        soundfile.write(wav, np.stack([samples, samples], 1), 32000, subtype="PCM_16")
    if form == "pictures":
        frames = root / "video_frames" / folder / name
        frames.mkdir(parents=True)
        for n, image in enumerate(pictures, start=1):
            Image.fromarray(image).save(frames / f"img_{n:05d}.jpg")
        return
    samples = None if "wav" in form else sound(video, n_frames, fps, 44100)
    write_video_file(root / "video_files" / folder / f"{name}.{form[:3]}", pictures, fps, samples)


def _write_dhf1k(root, form, video, name, n_frames, fps):
    numbers = range(1, n_frames + 1)
    if form == "extracted":
        folder = root / "DHF1K" / ("train" if name < "0601" else "val") / name[1:]
        kinds = {"images": picture, "maps": density, "fixations": lambda video, n: 255 * fixations(video, n)}
        for kind, draw in kinds.items():
            (folder / kind).mkdir(parents=True)
            for n in numbers:
                Image.fromarray(draw(video, n)).save(folder / kind / f"{n:04d}{'.jpg' if kind == 'images' else '.png'}")
        return
    write_video_file(root / "DHF1K" / "video" / f"{name[1:]}.AVI", [picture(video, n) for n in numbers], fps)
    annotation = root / "DHF1K" / "annotation" / name
    mats = annotation / "fixation" / "maps"
    (annotation / "maps").mkdir(parents=True)
    mats.mkdir(parents=True) if form == "published mat" else mats.parent.mkdir()
    for n in numbers:
        Image.fromarray(density(video, n)).save(annotation / "maps" / f"{n:04d}.png")
        if form == "published mat":
            savemat(mats / f"{n:04d}.mat", {"I": fixations(video, n)})
        else:
            Image.fromarray(255 * fixations(video, n)).save(annotation / "fixation" / f"{n:04d}.png")


#: Size and length of the videos of :func:`encode`, and options of codecs: short groups of pictures, with B-frames.
SMALL = (48, 64)
X264 = {"g": "8", "bf": "3", "crf": "32", "preset": "veryfast"}
OPEN = X264 | {"x264-params": "open-gop=1:b-pyramid=normal"}
X265 = {"crf": "32", "preset": "ultrafast", "x265-params": "keyint=8:open-gop=1:bframes=4:log-level=none"}
VPX = {"g": "12", "auto-alt-ref": "1", "lag-in-frames": "10", "arnr-maxframes": "7", "cpu-used": "4"}
MPEG4, PLAIN = {"g": "8", "bf": "2", "qscale": "6"}, {"g": "8", "qscale": "6"}
N = 26


def images(n, size=SMALL):
    """Pictures of moving blocks, each another one."""
    h, w = size
    blocks = np.random.default_rng(0).integers(0, 255, (h // 4, w // 4, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
    for i in range(n):
        image = np.roll(blocks, (i, 2 * i), (0, 1))[:h, :w].copy()
        for bit in range(6):
            image[:8, 8 * bit : 8 * bit + 8] = 255 * (i >> bit & 1)
        yield image


def encode(path, codec="libx264", options=X264, n=N, size=SMALL, form=None, pix="yuv420p", **more):
    """A video file of ``n`` pictures at 25 a second, or at the milliseconds of ``stamps``."""
    stamps = more.get("stamps") or [40 * i for i in range(n)]
    with av.open(path, "w", format=form, options=more.get("mux", {})) as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.height, stream.width, stream.pix_fmt = *size, pix
        if "stamps" in more:
            stream.codec_context.time_base = Fraction(1, 1000)
        stream.sample_aspect_ratio = more.get("aspect", Fraction(1))
        if "turn" in more:
            stream.set_display_rotation(*more["turn"])
        for stamp, image in zip(stamps, more.get("images") or images(n, size), strict=True):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = stamp, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def cut_short(path, share):
    """The file again, with only this share of its bytes."""
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    return path


def damaged(path, share=0.5, n=100):
    """The file again, with ``n`` other bytes behind this share of it."""
    content = bytearray(path.read_bytes())
    middle = int(share * len(content))
    content[middle : middle + n] = bytes(k * 37 % 256 for k in range(n))
    path.write_bytes(content)
    return path


def sent_stream(pictures, form="mpegts", heard=None, codec="pcm_s16le", late=0.0):
    """The bytes of a stream of small pictures, and of sound that begins so many seconds after the first of them."""
    file = io.BytesIO()
    with av.open(file, "w", format=form) as container:
        video = container.add_stream("libx264", rate=25, options={"crf": "12", "bf": "0", "g": "4"})
        video.height, video.width = pictures[0].shape[:2]
        video.pix_fmt = "yuv420p"
        track = container.add_stream(codec, rate=44100, layout="mono") if heard is not None else None
        begun = round(late * 44100)
        for number, image in enumerate(pictures, 1):
            container.mux(video.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            first, last = (max(0, round(n * 44100 / 25) - begun) for n in (number - 1, number))
            if track is not None and first < last <= len(heard):
                piece = av.AudioFrame.from_ndarray(heard[None, first:last], format="s16", layout="mono")
                piece.sample_rate, piece.pts, piece.time_base = 44100, begun + first, Fraction(1, 44100)
                container.mux(track.encode(piece))
        container.mux(video.encode())
        if track is not None:
            container.mux(track.encode())
    return file.getvalue()

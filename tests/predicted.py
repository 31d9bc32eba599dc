"""Small videos and trained networks for ``avsal predict``, the command itself, and its maps computed by hand."""

import argparse
from fractions import Fraction

import av
import numpy as np
import soundfile
import torch
from encoded import picture, sound, write_video_file
from PIL import Image

from avsal_bench.audio.waveform import frame_span
from avsal_bench.cli.predict import add_parser
from avsal_bench.data.files.frames import read_frames
from avsal_bench.prediction import open_film
from avsal_bench.spec import KINETICS_MEAN, KINETICS_STD
from avsal_bench.training.module import SaliencyModule

T, N, FPS = 8, 20, Fraction(25)
NET = {"frames": T, "size": [64, 64], "width": 8, "backbone_width": 0.125, "audio_width": 0.125, "bn_momentum": 0.5}


def predict(*words):
    """As the command line does, but errors come through."""
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    args = parser.parse_args(["predict", "--workers", "0", *map(str, words)])
    return args.function(args)


def write_checkpoint(path, modality, seed=0):
    """A checkpoint as Lightning writes it, of a network whose maps differ from frame to frame."""
    torch.manual_seed(seed)
    module = SaliencyModule("avrsp", {"modality": modality, **NET}, {"kl": 1.0}, {"name": "adamw", "lr": 1e-3}, {})
    module.train()
    with torch.no_grad():
        for _ in range(6):  # statistics of the batch norms
            module.net(torch.randn(2, 3, T, 64, 64), torch.randn(2, 1, 17640) * 50 if modality == "av" else None)
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"state_dict": module.state_dict(), "hyper_parameters": dict(module.hparams)}, path)
    return module.eval()


def write_film(path, n_frames=N, samples=True, seconds=None):
    heard = sound(1, n_frames, FPS, 44100) if samples else None
    if seconds is not None:
        heard = heard[: round(seconds * 44100)]
    write_video_file(path, [picture(1, n) for n in range(1, n_frames + 1)], FPS, heard)
    return path


def write_wav(path, n_frames=N):
    soundfile.write(path, sound(1, n_frames, FPS, 22050), 22050, subtype="FLOAT")
    return path


def maps_by_hand(module, film, n_frames, wav=None):
    """Every window written out: the frames, the sound, the normalisation, the network."""
    video = open_film(film)
    frames = [read_frames(video, [n], (64, 64))[:, 0].float() / 255 for n in range(1, n_frames + 1)]
    mean, std = (torch.tensor(x).view(3, 1, 1) for x in (KINETICS_MEAN, KINETICS_STD))
    frames = [(frame - mean) / std for frame in frames]
    maps = []
    for n in range(1, n_frames + 1):
        forwards = [max(1, n - T + i) for i in range(1, T + 1)]
        backwards = [min(n_frames, n + T - i) for i in range(1, T + 1)]
        enough = n >= T
        clip = forwards if enough or len(set(forwards)) >= len(set(backwards)) else backwards
        heard = None
        if wav is not None:
            samples = torch.from_numpy(soundfile.read(wav, dtype="float32")[0])
            start, stop = frame_span(min(clip), max(clip), float(FPS), 22050, len(samples))
            excerpt = samples[start:stop]
            heard = module.net.spec.audio(excerpt.flip(0) if clip is backwards else excerpt)[None]
        with torch.no_grad():
            output = module.net(torch.stack([frames[k - 1] for k in clip], 1)[None], heard)
            maps.append(module.net.to_map(output)[0])
    return torch.stack(maps)


def read_maps(folder, form="npy"):
    files = sorted(folder.glob(f"*.{form}"))
    assert [f.stem for f in files] == [f"{n:05d}" for n in range(1, len(files) + 1)]
    return torch.stack([torch.from_numpy(np.load(f) if form == "npy" else np.array(Image.open(f))) for f in files])


def decoded(path):
    """Frames ``(n, h, w, 3)`` of an mp4, its frame rate, and its sound (None without)."""
    with av.open(str(path)) as container:
        rate = container.streams.video[0].average_rate
        frames = np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)]).astype(int)
        heard = bool(container.streams.audio)
    if not heard:
        return frames, rate, None
    with av.open(str(path)) as container:
        return frames, rate, np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])


def write_checkpoints(folder):
    """Modality to module and checkpoint."""
    return {m: (write_checkpoint(folder / f"{m}.ckpt", m), folder / f"{m}.ckpt") for m in ("v", "av")}

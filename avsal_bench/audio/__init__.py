"""Audio front ends: from the excerpt of a waveform to the tensor that a network takes."""

from avsal_bench.audio.correspondence import DecibelSpectrogram, SecondSpectrogram, TwoSounds
from avsal_bench.audio.log_mel_images import LogMelImages
from avsal_bench.audio.spectra import LogMel, LogMelPatches, LogSpectrogram, StandardisedPSD
from avsal_bench.audio.waveform import AudioFrontEnd, EarlyWaveform, HeardFrames, Waveform, frame_span

__all__ = [
    "AudioFrontEnd",
    "DecibelSpectrogram",
    "EarlyWaveform",
    "HeardFrames",
    "LogMel",
    "LogMelImages",
    "LogMelPatches",
    "LogSpectrogram",
    "SecondSpectrogram",
    "StandardisedPSD",
    "TwoSounds",
    "Waveform",
    "frame_span",
]

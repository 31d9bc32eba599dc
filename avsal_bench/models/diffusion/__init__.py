"""Networks that predict a map by taking noise from it: schedule and sampler, what such a network is, and a decoder."""

from avsal_bench.models.diffusion.denoiser import DiffusionNetwork
from avsal_bench.models.diffusion.salunet import SalUNet, Widths
from avsal_bench.models.diffusion.schedule import STEPS, CosineSchedule

__all__ = ["STEPS", "CosineSchedule", "DiffusionNetwork", "SalUNet", "Widths"]

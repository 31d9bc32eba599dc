"""The embedded set: scenes whose causes of gaze are known, made from a seed. Without torch."""

from avsal_bench.data.synth.making import ensure_synth, make_synth, synth_is_complete
from avsal_bench.data.synth.scenes import Scene, make_scene
from avsal_bench.data.synth.sounding import sounding_regions

__all__ = ["Scene", "ensure_synth", "make_scene", "make_synth", "sounding_regions", "synth_is_complete"]

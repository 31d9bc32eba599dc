"""What needs no training, or nearly none: the baselines that bound every table, and the classical models."""

from avsal_bench.models.baselines.chance import Chance
from avsal_bench.models.baselines.gbvs import GBVS
from avsal_bench.models.baselines.itti import Itti
from avsal_bench.models.baselines.position import Centre, MeanEyePosition
from avsal_bench.models.baselines.seo import SEO

__all__ = ["GBVS", "SEO", "Centre", "Chance", "Itti", "MeanEyePosition"]

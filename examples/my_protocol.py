"""A protocol of one's own: every choice between a map and its score. STAViS's, with a wider blur and a further metric.

It needs my_metric.py beside it: `--plugin my_metric.py --plugin my_protocol.py`.
"""

from dataclasses import replace

from avsal_bench.evaluation import PROTOCOLS, register_protocol
from avsal_bench.evaluation.steps import Blur, Clip, MinMax

register_protocol(
    replace(
        PROTOCOLS["stavis"],
        name="my_protocol",
        source="as stavis, with a blur of sigma 4, and hits20 beside the six metrics",
        scoring=(Clip(), MinMax(), Blur(sigma=4.0, kernel=25, border="symmetric")),
        metrics=("hits20",),
    )
)

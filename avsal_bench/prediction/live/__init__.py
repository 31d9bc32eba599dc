"""Saliency of what happens now: of a camera, a stream, or a film that is played at its own pace.

One thread receives pictures, and the network always takes the newest: where it is too slow, pictures in between get no
map, and are counted. So nothing piles up, and a map is late by one prediction, however long it runs.
"""

from avsal_bench.prediction.live.looking import open_source
from avsal_bench.prediction.live.newest_window import check_network
from avsal_bench.prediction.live.outputs import Written, open_outputs
from avsal_bench.prediction.live.pictures import Source
from avsal_bench.prediction.live.watch import watch

__all__ = ["Source", "Written", "check_network", "open_outputs", "open_source", "watch"]

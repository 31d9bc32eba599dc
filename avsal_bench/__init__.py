"""A benchmark suite for audio-visual video saliency prediction.

>>> import avsal_bench
>>> avsal_bench.list_models("vin*")
['vinet', 'vinet_a', 'vinet_e', 'vinet_s']

Networks: :func:`create_model`, :func:`list_models`, :func:`register_model`. Maps of a video: :func:`predict`. Scores:
:func:`evaluate` on a data set, :func:`score` for one frame, :mod:`avsal_bench.metrics` for each metric. What comes from
hearing: :func:`hear`. A network as a file for other programs: :func:`export`. Results: :func:`load_records`, and
:func:`card` of one network. Ground truth from an eye tracker's samples: :func:`write_ground_truth`. Training with
Lightning: :class:`SaliencyModule`, :class:`SaliencyDataModule`.

Importing this package costs nothing: what a name needs, such as torch, is imported when the name is used.
"""

from typing import TYPE_CHECKING

from avsal_bench.lazy import lazily

#: Also that of the package: pyproject.toml reads it here.
__version__ = "0.1.0"

__all__ = [
    "ClipSpec",
    "DataConfig",
    "Network",
    "Record",
    "SaliencyDataModule",
    "SaliencyModule",
    "__version__",
    "card",
    "create_model",
    "data_root",
    "evaluate",
    "export",
    "hear",
    "list_datasets",
    "list_models",
    "load_records",
    "metrics",
    "predict",
    "read_record",
    "register_model",
    "score",
    "write_ground_truth",
    "write_record",
]

if TYPE_CHECKING:
    from avsal_bench import metrics
    from avsal_bench.api.evaluating import data_root, evaluate
    from avsal_bench.api.exporting_network import export
    from avsal_bench.api.hearing_losses import hear
    from avsal_bench.api.network_card import card
    from avsal_bench.api.predicting_video import predict
    from avsal_bench.api.pretrained import create_model, list_models
    from avsal_bench.api.record_table import load_records
    from avsal_bench.api.scoring_frame import score
    from avsal_bench.data import list_datasets
    from avsal_bench.data.clips.data_config import DataConfig
    from avsal_bench.data.clips.datamodule import SaliencyDataModule
    from avsal_bench.data.gaze.ground_truth import write_ground_truth
    from avsal_bench.models import register_model
    from avsal_bench.models.base import Network
    from avsal_bench.records import Record, read_record, write_record
    from avsal_bench.spec import ClipSpec
    from avsal_bench.training.module import SaliencyModule
else:
    __getattr__, __dir__ = lazily(
        __name__,
        {
            "ClipSpec": "avsal_bench.spec",
            "DataConfig": "avsal_bench.data.clips.data_config",
            "Network": "avsal_bench.models.base",
            "Record": "avsal_bench.records",
            "SaliencyDataModule": "avsal_bench.data.clips.datamodule",
            "SaliencyModule": "avsal_bench.training.module",
            "card": "avsal_bench.api.network_card",
            "create_model": "avsal_bench.api.pretrained",
            "data_root": "avsal_bench.api.evaluating",
            "evaluate": "avsal_bench.api.evaluating",
            "export": "avsal_bench.api.exporting_network",
            "hear": "avsal_bench.api.hearing_losses",
            "list_datasets": "avsal_bench.data",
            "list_models": "avsal_bench.api.pretrained",
            "load_records": "avsal_bench.api.record_table",
            "metrics": "avsal_bench.metrics",
            "predict": "avsal_bench.api.predicting_video",
            "read_record": "avsal_bench.records",
            "register_model": "avsal_bench.models",
            "score": "avsal_bench.api.scoring_frame",
            "write_ground_truth": "avsal_bench.data.gaze.ground_truth",
            "write_record": "avsal_bench.records",
        },
    )

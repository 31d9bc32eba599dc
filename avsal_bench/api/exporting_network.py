"""A network as a file that other programs run."""

from __future__ import annotations

import os
from pathlib import Path

from avsal_bench.api.running import Model, borrowed, predictor_of
from avsal_bench.exporting import Exported, export_network


def export(
    model: Model, path: str | os.PathLike[str], to: str = "", *, batch: int | None = 1, force: bool = False
) -> Exported:
    """Write a network as a file that other programs run, without this package.

    The file takes frames as bytes, ``(batch, T, height, width, 3)`` uint8 RGB at the network's size, and the sound as
    the network's front end gives it; a network that goes by frames takes ``(batch, height, width, 3)`` and a state. It
    gives the saliency map that the suite scores. It holds notes, JSON under ``avsal.json``, on what goes in and comes
    out. Before it gets its name, its maps are compared with those of the suite.

    >>> import avsal_bench, tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = avsal_bench.export("centre", pathlib.Path(folder, "centre.pt"))
    >>> made.form, made.difference < 1e-4
    ('torchscript', True)
    >>> made.notes["inputs"][0]["shape"]
    [1, 1, 32, 32, 3]

    Args:
        model: a network (any ``nn.Module`` with a spec), a ``SaliencyModule``, the name of a network whose published
            weights were imported, or the path of a checkpoint. A network is used as it is, in eval mode, and then is in
            its mode and on its device again.
        path: of the file.
        to: ``onnx`` (needs ``pip install 'avsal-bench[export]'``), ``torchscript`` or ``pt2``; by default by the name
            of the file: ``.onnx``, ``.pt`` or ``.pt2``.
        batch: clips at a time; None for any number.
        force: replace a file that is there.

    Returns:
        What was written: ``path``, ``form``, ``difference``, the largest of a pixel as a part of the highest value of a
        map, and ``notes``.

    Raises:
        ValueError: for a network that the format cannot hold, naming the operator and the reason; for maps that differ
            by more than 1e-4, for an unknown format, missing packages, and weights that do not fit.
        FileNotFoundError, FileExistsError, OSError: for weights or a folder that are not there, and a file that is.
    """
    predictor = predictor_of(model)
    with borrowed(predictor.module):
        predictor.module.cpu().eval()
        return export_network(predictor, Path(path), to, batch, force)

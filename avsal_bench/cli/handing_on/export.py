"""The command ``avsal export``: a network as a file that other programs run."""

from __future__ import annotations

import argparse
from pathlib import Path

from avsal_bench.cli.options import Commands, add_command, network_options
from avsal_bench.text import text_table
from avsal_bench.typed import place, whole

# Heavy imports stand inside the command: `avsal --help` must answer at once.

_DESCRIPTION = """\
Write a network with its weights as a file that other programs run, without this package.

The file takes frames as bytes and gives the saliency map that the suite scores: the normalisation, and
what makes a map of the output, are inside. It says what goes in and what comes out, and where its weights
are from. Before it gets its name its maps are compared with those of the suite."""

_EPILOG = """\
examples:
  avsal export vinet_s --weights authors.pt -o vinet_s.onnx
      ONNX, for onnxruntime, OpenVINO, TensorRT ...; needs pip install 'avsal-bench[export]'
  avsal export avrsp -o avrsp.pt2 --batch any
      the network that finished training last, for torch.export.load, with batches of any size
  avsal export my_network --plugin my_network.py --untrained -o trial.onnx
      can my network be exported? With weights drawn at random

docs/howto/export.md runs such a file with onnxruntime alone, and says which networks can be exported."""


def add_parser(commands: Commands) -> None:
    """Add ``export`` to the commands of ``avsal``."""
    text = "write a network as ONNX, TorchScript or pt2"
    parser = add_command(commands, "export", export, text, _DESCRIPTION, _EPILOG)
    parser.add_argument("model", metavar="MODEL", help="such as vinet_s; `avsal list` names them")
    parser.add_argument("-o", "--out", type=place, required=True, metavar="FILE", help=".onnx, .pt or .pt2")
    text = "onnx, torchscript or pt2 (default: by the name of FILE)"
    parser.add_argument("--to", default="", metavar="FORMAT", help=text)
    text = "clips at a time, or any (default: %(default)s)"
    parser.add_argument("--batch", type=_batch, default=1, metavar="N", help=text)
    parser.add_argument("--force", action="store_true", help="replace a file that is there")
    network = network_options(
        parser,
        "a checkpoint such as runs/stages/<training>/best.ckpt, a file in its authors' form, or the name of imported "
        "weights (default: the training of MODEL that finished last)",
    )
    network.add_argument("--modality", default="", choices=["v", "av", "a"], help="default: that of the weights")
    network.add_argument("--untrained", action="store_true", help="weights drawn at random, to try the export")


def _batch(text: str) -> int | None:
    return None if text == "any" else whole(1)(text)


def export(args: argparse.Namespace) -> int:
    """Export a network, and say how far its maps are from those of the suite."""
    from avsal_bench.bench.workspace import workspace
    from avsal_bench.exporting import TOLERANCE, Exporter, check_place, form_of, untrained
    from avsal_bench.prediction import find_predictor

    path = Path(args.out)
    form = form_of(path, args.to)
    check_place(path, form, args.force)
    if args.untrained:
        if args.weights:
            raise ValueError(f"--untrained draws weights, and --weights names {args.weights}; leave out one of the two")
        predictor = untrained(args.model, args.modality, args.set)
    else:
        predictor = find_predictor(workspace(runs=args.runs), args.weights, args.model, args.modality, args.set)
    weights = f", weights {predictor.source}" if predictor.source else ""
    batch = "any" if args.batch is None else args.batch
    print(f"{predictor.name}{weights}, to {form}; clips at a time: {batch}", flush=True)
    made = Exporter(predictor, args.batch).write(path, form, args.force)
    rows = [
        (way, one["name"], one["type"], " x ".join(map(str, one["shape"])))
        for way, values in (("in", made.notes["inputs"]), ("out", made.notes["outputs"]))
        for one in values
    ]
    print(text_table(["", "name", "type", "shape"], rows))
    for one in made.differences:
        print(f"{one.clips}, batch {one.batch}: {one.value:.1e}")
    print(
        f"largest difference from the suite: {made.difference:.1e} of the highest value of a map "
        f"(allowed: {TOLERANCE:.0e})"
    )
    print(f"{path}  {made.bytes / 1e6:.1f} MB")
    return 0

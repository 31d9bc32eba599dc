"""What an exported file says of itself: what goes in and comes out, and where its weights are from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, is_dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from avsal_bench.bench.provenance import NAME
from avsal_bench.exporting.graphs import Value
from avsal_bench.models.weights.offered import list_weights
from avsal_bench.prediction.predictor import Predictor
from avsal_bench.spec import ClipSpec
from avsal_bench.text import many

#: What is said of a licence that nobody stated here.
UNKNOWN = "not known here; ask who made the weights"


def notes_of(
    predictor: Predictor, values: tuple[Sequence[Value], Sequence[Value]], form: str, batch: int | None
) -> dict[str, Any]:
    """The notes, plain values.

    Args:
        predictor: the network with its weights.
        values: what goes in, and what comes out.
        form: of the file.
        batch: its size, or None for any.
    """
    net = predictor.module.net
    spec = net.spec
    into, out_of = ([_told(value, batch) for value in some] for some in values)
    return {
        "written_by": f"{NAME} {version(NAME)}",
        "format": form,
        "model": predictor.model,
        "options": _plain(predictor.options),
        "parameters": sum(one.numel() for one in net.parameters()),
        "weights": _weights(predictor),
        "inputs": into,
        "outputs": out_of,
        "clip": _clip(spec),
        "resizing": {
            "size": list(spec.size),
            "filter": spec.filter,
            "antialias": spec.antialias,
            "pictures": [list(one) for one in spec.pictures],
        },
        "normalisation": "inside",
        "sound": _sound(spec),
        "scores": "by the protocol stavis, the default of avsal, from this map; docs/protocols.md has its steps",
    }


def _told(value: Value, batch: int | None) -> dict[str, Any]:
    shape = ["batch" if batch is None else batch, *value.shape]
    return {"name": value.name, "shape": shape, "type": value.kind, "meaning": value.meaning}


def _weights(predictor: Predictor) -> dict[str, Any]:
    """Where the weights are from; of a file its name alone, as its folder is the user's own business."""
    known = list_weights().get(predictor.source)
    source = predictor.source if known else Path(predictor.source).name
    return {
        "source": source or ("none" if predictor.sha256 is None else UNKNOWN),
        "sha256": predictor.sha256,
        "licence": known.licence if known else UNKNOWN,
        "offered_at": known.source if known else None,
    }


def _clip(spec: ClipSpec) -> dict[str, Any]:
    told: dict[str, Any] = {"frames": spec.frames, "step": spec.step, "target": spec.target, "walk": spec.walk}
    if spec.walk == "frames":
        told["how"] = (
            "frames one by one, each with the state after the frame `step` before it (zeros for the first `step`)"
        )
        return told
    told["target_frame"] = f"{many(spec.form.before, 'frame')} of the film after the first of the clip"
    first = "the clip that starts there, run backwards" if spec.start == "reverse" else "its first frame repeated"
    told["how"] = "a clip for each frame of the film, by its target frame"
    told["start"] = spec.start
    told["first_frames"] = (
        f"where there are too few before: {first}" if spec.target == "last" else "see docs/windows.md"
    )
    return told


def _sound(spec: ClipSpec) -> dict[str, Any] | None:
    front = spec.audio
    if front is None:
        return None
    told: dict[str, Any] = {"front_end": type(front).__name__, "module": type(front).__module__}
    told |= {"sample_rate": front.sample_rate, "waveform": "one channel, float32 from -1 to 1"}
    if is_dataclass(front) and not isinstance(front, type):
        told["options"] = _plain(asdict(front))
    return told


def _plain(value: Any) -> Any:
    """A value as JSON has it; what it has no form for, such as a network of one's own, as text."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)

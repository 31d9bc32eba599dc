"""The registry of networks: a name, written by hand in the network's own file, and what builds it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from torch import Tensor, nn

from avsal_bench.names import pick
from avsal_bench.spec import ClipSpec, Modality


class Network(nn.Module):
    """What every network is: an ``nn.Module`` with a spec, and a way from its output to a map.

    ``forward(frames, audio)`` takes ``(B, 3, T, H, W)`` float32 frames, normalised by the spec, and the sound as the
    spec's front end gives it (None without sound), and returns the ``(B, h, w)`` output of the authors' module in
    eval mode.

    Attributes:
        spec: the clip that the network takes.
        observes: True for a network without gradients, fitted by showing it every training map (:meth:`observe`).
        audio_only: prefixes of the state-dict keys that only the audio-visual network has; without them it is the
            ``v`` network that it starts from (:meth:`load_visual`).
    """

    spec: ClipSpec
    observes: ClassVar[bool] = False
    audio_only: ClassVar[tuple[str, ...]] = ()

    def forward(self, frames: Tensor, audio: Tensor | None = None) -> Tensor:
        """Predict the target frame; see the class."""
        raise TypeError(f"{type(self).__name__} does not define forward")

    def to_map(self, output: Tensor) -> Tensor:
        """Turn the output ``(B, h, w)`` into a non-negative saliency map; by default it is one already."""
        return output

    def observe(self, density: Tensor) -> None:
        """Learn from the ground-truth maps ``(B, h, w)`` of some training frames; only where ``observes``."""
        raise TypeError(f"{type(self).__name__} learns by gradients and observes nothing")

    def load_visual(self, state: Mapping[str, Tensor]) -> None:
        """Load the state dict of the trained ``v`` network; the parts that hear (``audio_only``) stay as they are.

        Raises:
            ValueError: if any other key is missing, or one is not known; both are listed.
        """
        own = {key for key in self.state_dict() if not key.startswith(self.audio_only)}
        missing, unexpected = sorted(own - state.keys()), sorted(state.keys() - own)
        if missing or unexpected:
            raise ValueError(
                f"expected the state dict of the visual {type(self).__name__}; "
                f"missing: {', '.join(missing) or 'none'}; unexpected: {', '.join(unexpected) or 'none'}"
            )
        self.load_state_dict(dict(state), strict=False)


@dataclass(frozen=True)
class ModelEntry:
    """One line of the registry.

    Args:
        name: of the model.
        build: the class or function that makes the network from its options.
        paper: key of the paper.
        modalities: that ``modality=`` may name; empty for a baseline, which takes none.
        code: ``owner/repo`` of the authors' code, or "" where there is none.
        tiny: options for a version small enough for any test.
    """

    name: str
    build: Callable[..., Network]
    paper: str
    modalities: tuple[Modality, ...] = ()
    code: str = ""
    tiny: dict[str, Any] = field(default_factory=dict)


_MODELS: dict[str, ModelEntry] = {}
N = TypeVar("N", bound=Callable[..., Network])


def register_model(
    name: str,
    *,
    paper: str,
    modalities: tuple[Modality, ...] = (),
    code: str = "",
    tiny: dict[str, Any] | None = None,
) -> Callable[[N], N]:
    """Enter a network under ``name``; arguments as in :class:`ModelEntry`. A name used twice is an error."""

    def enter(build: N) -> N:
        if name in _MODELS:
            raise ValueError(f"model {name!r} is registered twice: {_MODELS[name].build} and {build}")
        _MODELS[name] = ModelEntry(name, build, paper, modalities, code, tiny or {})
        return build

    return enter


def list_models() -> list[str]:
    """Names of all models, sorted."""
    return sorted(_MODELS)


def model_entry(name: str) -> ModelEntry:
    """The entry of a model.

    Raises:
        ValueError: for an unknown name; it suggests the nearest one.
    """
    return pick("model", name, _MODELS)


def create_model(name: str, **options: Any) -> Network:
    """Build a network by its name; ``options`` are the keyword arguments of its class.

    Raises:
        ValueError: for an unknown name, or a modality that the network does not have.
    """
    entry = model_entry(name)
    modality = options.get("modality")
    if modality is not None and modality not in entry.modalities:
        known = ", ".join(entry.modalities) or "none"
        raise ValueError(f"{name} has no modality {modality!r}; it has: {known}")
    return entry.build(**options)

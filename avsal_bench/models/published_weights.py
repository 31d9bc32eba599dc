"""What is known of a file of published weights. The files are the authors'; nothing here is a copy of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from torch import Tensor, nn

#: One entry of the authors' state dict as one of ours, or None where it has no effect;
#: see :meth:`avsal_bench.models.base.Network.rename_published`.
Rename: TypeAlias = "Callable[[str, Tensor], tuple[str, Tensor] | None]"


@dataclass(frozen=True)
class WeightsFile:
    """One file that authors offer, as far as a listing tells of it.

    Args:
        name: of the weights here.
        file: name that the authors give the file.
        what: is in it: trained on what, which fold.
        source: where the authors offer it.
        licence: of the file; ``not stated`` where the authors do not say.
        options: of the network that it belongs to, for ``create_model``.
        sha256: of the file, whole or its first digits; ``unknown`` where nobody here has seen the file.
        form: what is known of what is in the file, and from where.
        unreadable: why the file cannot be opened here, and what to do without it; "" where it can.
        online: the address of the file, or of an archive that holds it, for ``avsal weights get``, as
            :mod:`avsal_bench.getting.offers` has them; "" where only a person can fetch it.
        steps: what that person does; by default, to look where ``source`` says.
        trained_on: what decided them, and the weights that they started from, as far as the authors say it: a set and
            its part, such as ``dhf1k/train``; with a fold, such as ``six/train/1``; a set alone where the part is not
            said; a collection that is no set here, such as ``kinetics400``; and ``unknown`` for what else there was.
    """

    name: str
    file: str
    what: str
    source: str
    licence: str
    options: dict[str, Any] = field(default_factory=dict)
    sha256: str = "unknown"
    form: str = "names read from the authors' code; the file was not opened"
    unreadable: str = ""
    online: str = ""
    steps: tuple[str, ...] = ()
    trained_on: tuple[str, ...] = ("unknown",)


@dataclass(frozen=True)
class PublishedWeights(WeightsFile):
    """One file that authors offer, with what opens it; its first arguments are those of :class:`WeightsFile`.

    Args:
        build: makes the backbone that it belongs to, for weights that start a part of a network; None for those of a
            whole network.
        rename: for a backbone, whose names may differ from file to file; a network has ``rename_published``.
    """

    build: Callable[[], nn.Module] | None = None
    rename: Rename | None = None

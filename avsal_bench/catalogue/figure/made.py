"""Figures of networks by their names, and files of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from avsal_bench.catalogue.figure.boxes import diagram
from avsal_bench.catalogue.figure.drawing import svg
from avsal_bench.catalogue.figure.flow import watch
from avsal_bench.catalogue.networks import Variant, variants
from avsal_bench.files import write_atomically
from avsal_bench.names import unknown


def figure(name: str, form: str = "") -> str:
    """The data flow of a network, as SVG.

    Args:
        name: of the model.
        form: a modality or a variant; by default the last modality, which is the one with sound where there is one.

    Raises:
        ValueError: for an unknown name or form, and a network without parts that have weights.
    """
    one = form_of(name, form)
    return svg(diagram(watch(one.build)), f"Data flow of {one.label}, {one.modality}")


def form_of(name: str, form: str = "") -> Variant:
    """One form of a model; as for :func:`figure`.

    Raises:
        ValueError: for an unknown name or form, and what has no layers.
    """
    forms = {one.variant or one.modality: one for one in variants([name])}
    if "" in forms:
        raise ValueError(f"{name} has no layers to draw: it is no network that is trained")
    own = [one for one in forms.values() if not one.variant]
    if form and form not in forms:
        raise ValueError(f"{name}: {unknown('form', form, [*forms])}")
    return forms[form] if form else own[-1]


def write_figures(folder: Path, names: Sequence[str]) -> list[Path]:
    """Figures of networks in a folder, ``<name>.svg`` each.

    Raises:
        ValueError: as :func:`figure`.
    """
    made = {folder / f"{name}.svg": figure(name) for name in names}
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in made.items():
        write_atomically(path, text)
    return [*made]

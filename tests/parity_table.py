"""Makes ``avsal_bench/resources/parity.csv``: how far each network is from its authors' code. Takes minutes.

    python tests/parity_table.py

It runs the tests that compare outputs with ``golden/parity`` and writes down what they found, the largest number of
each output. The cards of networks and the list of what is proved are made of the table.
"""

import ast
import csv
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from parity import FOLDER, MEASURED

HERE = Path(__file__).parent
TABLE = HERE.parent / "avsal_bench" / "resources" / "parity.csv"
COLUMNS = ("forms", "golden", "source", "inputs", "output", "values", "relative_l2", "largest")
#: What is compared besides outputs of a network: features inside it, targets of its training, what it hears.
WITHIN = ("feature/", "train/", "audio/")
#: Forms of networks, as the table of networks has them, by golden file; where the two have one name it lacks.
FORMS = {
    "mspi_mvitv2_s": "mspi_av",
    "mspi_mvitv2_s_224x224": "mspi_av",
    "mspi_v_mvitv2_s": "mspi_v",
    "mspi_s3d": "mspi-s3d_av",
    "mspi_s3d_224x384": "mspi-s3d_av",
    "mspi_x3d_l": "mspi-x3d_l_av",
    "mspi_slowfast_4x16": "mspi-slowfast_4x16_av",
    "mspi_morphmlp_s": "mspi-morphmlp_s_av",
    "mspi_videoswin_s": "mspi-videoswin_s_av",
    "mspi_uniformer_b": "mspi-uniformer_b_av",
    "mspi_v_s3d": "mspi-s3d_v",
    "tinyhd_16": "tinyhd-16_v",
    "unisal_images": "unisal-images_v",
    "vinet_bilinear": "vinet_av",
    "vinet_transformer": "vinet-transformer_av",
    "vinet_a_around": "vinet_a_v vinet_a-around_v",  # which differ in the frame that they predict alone
}
#: An output that is a form of its own: HyperSal without its sound.
OUTPUTS = {("hypersal_av", "visual_pred"): "hypersal_v"}


def comparing(folder: Path) -> Iterator[str]:
    """Names of the tests that compare with golden outputs, as pytest has them."""
    for path in sorted(folder.rglob("test_*.py")):
        for one in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            calls = (call.func for call in ast.walk(one) if isinstance(call, ast.Call))
            compares = any(isinstance(call, ast.Attribute) and call.attr == "error" for call in calls)
            if compares and isinstance(one, ast.FunctionDef) and one.name.startswith("test_"):
                yield f"{path}::{one.name}"


def measured(folder: Path) -> list[list[str | int | float]]:
    """What the tests find: name of the golden file, output, number of values, errors."""
    with tempfile.TemporaryDirectory() as temporary:
        found = Path(temporary) / "found"
        command = [sys.executable, "-m", "pytest", "-q", "-m", "", *comparing(folder)]
        subprocess.run(command, check=True, env={**os.environ, MEASURED: str(found)}, cwd=HERE.parent)
        return [json.loads(line) for line in found.read_text(encoding="utf-8").splitlines()]


def write(lines: list[list[str | int | float]], path: Path) -> None:
    """Write the largest errors of each output."""
    worst: dict[tuple[str, str], list[str | int | float]] = {}
    for line in lines:
        name, output = str(line[0]), str(line[3])
        if not output.startswith(WITHIN):
            worst[name, output] = max(line, worst.get((name, output), line), key=lambda one: one[5])
    if lost := {path.stem for path in FOLDER.glob("*.npz")} - {"scripts"} - {name for name, _ in worst}:
        raise SystemExit(f"no test compares an output with {', '.join(sorted(lost))}")
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for (name, output), line in sorted(worst.items()):
            forms = OUTPUTS.get((name, output)) or FORMS.get(name, name)
            writer.writerow([forms, *line[:5], *(f"{value:.2g}" for value in line[5:])])


if __name__ == "__main__":
    write(measured(HERE / "models"), TABLE)

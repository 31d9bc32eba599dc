"""A laboratory's gaze table becomes ground truth: `python convert.py lab`."""

import csv
import sys
from collections import defaultdict
from pathlib import Path

import avsal_bench

lab = Path(sys.argv[1] if len(sys.argv) > 1 else "lab")
samples = defaultdict(list)
with (lab / "gaze_export.csv").open(encoding="utf-8", newline="") as file:
    for row in csv.DictReader(file, delimiter=";"):
        for who in ("VP1", "VP2", "VP3", "VP4"):
            x, y = (float(row[f"{who}_{axis}"].replace(",", ".")) for axis in "xy")
            if x >= 0:  # -1 is a blink
                samples[row["film"]].append((who, int(row["ms"]) / 1000, x, y))
for film, looks in samples.items():
    print(avsal_bench.write_ground_truth(lab, lab / "videos" / f"{film}.mp4", looks, sigma=8, fractions=True))

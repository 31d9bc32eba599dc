"""Pictures of losses over time: one a row, of the rows that have scores over time."""

from xml.etree import ElementTree

import numpy as np
import pytest
from made_records import make
from PIL import Image

from avsal_bench.leaderboard.reports.loss_plots import draw_losses
from avsal_bench.leaderboard.sound_losses import sound_losses
from avsal_bench.records import CURVE_PARTS, METRICS


@pytest.fixture(scope="module")
def losses():
    rng = np.random.default_rng(0)
    records = [
        make([0.5] * 6, modality="av", dataset="diem", sound=sound, weights={"sha256": "a"})
        for sound in ("original", "muted", "noise")
    ]
    return sound_losses(records, lambda record: rng.random((6, len(METRICS), CURVE_PARTS)))


def test_a_row_has_an_svg_and_a_png_with_a_picture_for_each_sound(losses, tmp_path):
    written = draw_losses(losses, tmp_path / "new" / "folder")
    assert [path.name for path in written] == [f"toy-paper-diem-stavis-losses.{form}" for form in ("svg", "png")]
    svg = written[0].read_text()
    texts = [
        "".join(t.itertext()).strip() for t in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    ]
    assert {"muted", "noise", "loss in CC", "loss in NSS", "part of the video, %"} < set(texts)
    assert len(svg) < 100_000
    with Image.open(written[1]) as image:
        assert image.width > image.height > 400
    assert draw_losses(losses, tmp_path)[0].read_text() == svg, "the same numbers, the same picture"


def test_rows_without_scores_over_time_are_left_out(tmp_path):
    records = [make([0.5] * 6, modality="av", sound=s, weights={"sha256": "a"}) for s in ("original", "muted")]
    assert draw_losses(sound_losses(records), tmp_path / "none") == []
    assert not (tmp_path / "none").exists()

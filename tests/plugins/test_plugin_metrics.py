# ruff: noqa: F811 - fixtures are imported, and named by tests
"""Metrics and protocols of plug-ins: scored beside the six, kept in records, and shown in a column of their own."""

import csv
import json
import math
import re
from dataclasses import replace

import pytest
import torch
from conftest import HOME
from made_records import STORY, check, make, save
from plugin_fixtures import forgotten, write  # noqa: F401

from avsal_bench.bench.results import make_record
from avsal_bench.data import dataset
from avsal_bench.evaluation.protocol import protocol
from avsal_bench.evaluation.score import VideoScorer, score_frames
from avsal_bench.evaluation.scores_of import of_videos
from avsal_bench.evaluation.truth import Truth
from avsal_bench.kept import sources
from avsal_bench.leaderboard.page.readme import summary_table, write_leaderboard
from avsal_bench.plugins import use_plugins
from avsal_bench.record_metrics import SIX
from avsal_bench.records import METRICS, MetricForm, VideoScores, mean_scores, read_record, write_record

EXAMPLES = HOME / "examples"
METRIC, PROTOCOL = EXAMPLES / "my_metric.py", EXAMPLES / "my_protocol.py"


@pytest.fixture
def rules():
    use_plugins([str(METRIC), str(PROTOCOL)])
    return protocol("my_protocol")


@pytest.fixture
def frames():
    generator = torch.Generator().manual_seed(0)
    maps = torch.rand(3, 12, 16, generator=generator)
    fixations = torch.rand(3, 12, 16, generator=generator) < 0.1
    fixations[2] = False
    return maps, maps.sqrt(), fixations, fixations.flip(0)


def test_the_example_counts_fixations_in_the_brightest_fifth(rules, frames):
    maps, densities, fixations, negatives = frames
    scores = score_frames(maps, densities, fixations, negatives, replace(rules, saving=(), scoring=()))
    assert list(scores) == [*METRICS, "hits20"]
    bright = maps.double() > torch.quantile(maps.double().flatten(1), 0.8, dim=1)[:, None, None]
    by_hand = [(bright[i] & fixations[i]).sum() / fixations[i].sum() for i in range(2)]
    assert scores["hits20"][:2].tolist() == pytest.approx([float(x) for x in by_hand])
    assert math.isnan(scores["hits20"][2])


def test_the_six_are_those_of_the_protocol_without_it(rules, frames):
    other = replace(rules, metrics=())
    with_it, without = score_frames(*frames, rules), score_frames(*frames, other)
    for metric in METRICS:
        torch.testing.assert_close(with_it[metric], without[metric], rtol=0, atol=0, equal_nan=True)
    assert repr(rules) == repr(other), "which is a part of every fingerprint"


BAD = """import torch
from avsal_bench.evaluation import Protocol, register_protocol
from avsal_bench.metrics import register_metric
@register_metric("bad", low=0, high=1)
def bad(saliency, density):
    return {}
register_protocol(Protocol("bad_rules", "me", metrics=("bad",)))
"""


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("0.5", "got float"),
        ("saliency", r"one floating score for each of 3 maps, \(3,\), got \(3, 12, 16\), torch.float64"),
        ("torch.ones(3, dtype=torch.int64)", r"got \(3,\), torch.int64"),
        ("torch.full((3,), 2.0)", "gives 2, and says that scores lie from 0 to 1"),
        ("torch.full((3,), float('inf'))", "gives inf"),
    ],
)
def test_a_metric_that_gives_something_else_is_named(write, frames, value, said):
    use_plugins([str(write("plug_bad.py", BAD.format(value)))])
    with pytest.raises(ValueError, match=f"metric bad, plug_bad.bad: .*{said}"):
        score_frames(*frames, protocol("bad_rules"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('register_metric("x", compared=("densty",))', "unknown truth 'densty'; did you mean 'density'"),
        ('register_metric("x", low=1, high=0)', "low is 1 and high 0; low must be less"),
        ('register_metric("x", digits=10)', "10 digits; expected 0 to 9"),
        ('register_metric("a metric")(print)', "a name has letters of ASCII"),
        ('register_protocol(Protocol("x", "", metrics=("NSS",)))', "metric NSS is scored already"),
        ('register_protocol(Protocol("x", "", metrics=("a", "a")))', "metric a is scored already"),
    ],
)
def test_arguments_that_mean_nothing_are_told(write, text, said):
    imports = "from avsal_bench.evaluation import Protocol, register_protocol\n"
    imports += "from avsal_bench.metrics import register_metric\n"
    with pytest.raises(ValueError, match=f"plug_x.py:3: ValueError: .*{said}"):
        use_plugins([str(write("plug_x.py", imports + text + "\n"))])


def test_a_protocol_with_a_metric_of_nobody_is_told(write):
    text = "from avsal_bench.evaluation import Protocol, register_protocol\n"
    use_plugins([str(write("plug_y.py", text + 'register_protocol(Protocol("y", "", metrics=("nobodys",)))\n'))])
    with pytest.raises(ValueError, match="unknown metric 'nobodys'"):
        protocol("y")


def with_hits(values, **changes):
    """A record with the further metric ``hits20``, of which one video has no score."""
    record = make(values, protocol="my_protocol", **changes)
    videos = [
        replace(v, scores=v.scores | {"hits20": math.nan if i == 0 else 0.5}, undefined={"hits20": 10 * (i == 0)})
        for i, v in enumerate(record.videos)
    ]
    form = MetricForm(low=0.0, high=1.0, digits=4)
    return replace(record, videos=videos, scores=mean_scores(videos), metrics={"hits20": form})


def test_a_record_tells_of_its_metrics_and_plugins_and_comes_back(tmp_path, rules):
    story = STORY | {"plugins": [{"name": "my_metric", "version": "1", "sha256": "0" * 64}]}
    record = with_hits([0.1, 0.2], provenance=story)
    write_record(tmp_path / "a.json", record)
    assert read_record(tmp_path / "a.json") == record
    assert record.scores["hits20"] == 0.5
    write_record(tmp_path / "b.json", make([0.1]))
    assert "metrics" not in json.loads((tmp_path / "b.json").read_text()), "as all records were"
    videos = [VideoScores("v", 1, dict.fromkeys([*METRICS, "hits20"], 0.5), {})]
    made = make_record(videos, rules, {}, model="m", modality="", dataset="synth", fold=1, preset="", parameters=None)
    assert made.metrics == {"hits20": MetricForm(True, 0.0, 1.0, 3)}


def test_a_record_loads_no_plugin_whatever_it_names(tmp_path, write, monkeypatch):
    write("evil_plugin.py", "raise SystemExit('loaded')\n")
    monkeypatch.syspath_prepend(tmp_path)
    story = STORY | {"plugins": [{"name": "evil_plugin", "sha256": "0" * 64}], "command": "avsal --plugin evil_plugin"}
    save(tmp_path, [with_hits([0.1, 0.2], provenance=story)])
    assert len(list(write_leaderboard(tmp_path))) == 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda p: p["scores"].update(hits20=1.5), "scores.hits20 should be a number from 0 to 1, or null; got 1.5"),
        (lambda p: p["scores"].update(hits20="1"), "scores.hits20 should be a number"),
        (lambda p: p["scores"].update(hits20=True), "scores.hits20 should be a number"),
        (lambda p: p["scores"].pop("hits20"), "scores.hits20 is missing"),
        (lambda p: p["videos"][1]["scores"].pop("hits20"), "videos.1.scores.hits20 is missing"),
        (lambda p: p["videos"][0]["undefined"].update(hits20=-1), "videos.0.undefined.hits20 should be a count"),
        (lambda p: p["videos"][0]["curve"].update(hits20=[1]), "videos.0.curve.hits20 should be a list of 20 scores"),
        (lambda p: p["scores"].update(hits21=1), "scores: unknown key 'hits21'; did you mean 'hits20'"),
        (lambda p: p.pop("metrics"), "scores: unknown key 'hits20'"),
        (lambda p: p.update(metrics={}), "metrics "),
        (lambda p: p["metrics"]["hits20"].pop("digits"), "metrics.hits20.digits is missing"),
        (lambda p: p["metrics"]["hits20"].update(digits=50), "metrics.hits20.digits"),
        (lambda p: p["metrics"].update({"<b>": p["metrics"]["hits20"]}), "metrics"),
        (
            lambda p: p["metrics"].update(NSS=p["metrics"]["hits20"]),
            "metrics.NSS is one of the metrics of every record",
        ),
        (lambda p: p["provenance"].update(plugins=[{"name": "x", "sha256": "12"}]), "provenance.plugins.0.sha256"),
        (lambda p: p["provenance"].update(plugins=[{"name": "x", "sha256": "0" * 64, "path": "/home"}]), "path"),
    ],
)
def test_a_record_that_says_something_else_is_refused(tmp_path, change, said):
    write_record(tmp_path / "a.json", with_hits([0.1, 0.2]))
    plain = json.loads((tmp_path / "a.json").read_text())
    change(plain)
    (tmp_path / "a.json").write_text(json.dumps(plain))
    with pytest.raises(ValueError, match=re.escape(said)):
        read_record(tmp_path / "a.json")


def test_the_leaderboard_has_a_column_for_it_without_the_plugin(tmp_path):
    own = [with_hits([0.1, 0.2], fold=fold) for fold in (1, 2, 3)]
    plain = [make([0.3, 0.4], model="plain", protocol="my_protocol", fold=fold) for fold in (1, 2, 3)]
    other = [make([0.3, 0.4], model="plain", fold=fold) for fold in (1, 2, 3)]
    save(tmp_path, [*own, *plain, *other])
    write_leaderboard(tmp_path)
    readme = (tmp_path / "README.md").read_text()
    header = next(line for line in readme.splitlines() if "hits20" in line)
    assert [name.strip() for name in header.split("|")][-5:-1] == ["hits20", "Training", "Folds", "Seeds"]
    assert readme.count("hits20") == 1, "no column where no row has it"
    lines = [[cell.strip() for cell in line.split("|")] for line in readme.splitlines() if "| 1, 2, 3" in line]
    assert [line[-5] for line in lines if len(line) == len(header.split("|"))] == ["-", "0.5000"], "in its own digits"
    shown = summary_table([own[0], plain[0]]).splitlines()
    assert [line.split()[-1] for line in shown[:3]] == ["hits20", "-", "0.5000"]
    page = (tmp_path / "index.html").read_text()
    assert page.count(">hits20</button>") == 1
    assert "<strong>0.5000</strong>" in page
    with (tmp_path / "leaderboard.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["metric"] == "hits20"]
    assert [(row["model"], row["value"]) for row in rows] == [("toy", "0.500000")]


def test_the_six_of_the_form_are_those_of_the_tables():
    assert tuple(METRICS) == SIX


def test_handing_in_takes_it_by_the_rules_of_the_record(tmp_path):
    save(tmp_path / "in", [with_hits([0.1, 0.2])])
    problems = check(tmp_path, [tmp_path / "in" / "records"]).problems
    assert problems
    assert not [text for of_file in problems.values() for text in of_file if "hits20" in text]


def test_other_code_of_a_metric_makes_results_again(space, synth_root, write):
    videos = dataset("synth").videos(synth_root, "test", 1)[:1]
    text = METRIC.read_text()

    def made(metric, name="my_protocol"):
        write("metric_z.py", metric)
        for cached in (sources._digest, sources._tree, sources._imports, sources.closure):
            cached.cache_clear()  # another process
        return of_videos(space.contents, videos, protocol(name), (), {}).whole

    use_plugins([str(write("metric_z.py", text)), str(PROTOCOL)])
    first = made(text)
    assert made(text + "# a comment\n") == first
    other = made(text.replace("0.8", "0.9"))
    assert {part for part in first if first[part] != other[part]} == {"protocol: code"}
    plain = made(text, "stavis")
    assert {"metrics", "protocol: code"} <= first.keys() - plain.keys()


def test_frames_of_a_video_are_scored_by_it(rules, synth_root):
    video = dataset("synth").videos(synth_root, "test", 1)[0]
    scorer = VideoScorer(Truth(video, [video]), rules)
    scorer.add([1, 2], torch.rand(2, 24, 32))
    result = scorer.result()
    assert list(result.scores) == [*METRICS, "hits20"]
    assert 0 <= result.scores["hits20"] <= 1
    assert result.undefined.keys() == result.curve.keys() == result.scores.keys()

"""Ablations: what their files say against what the papers print, their plans, and a small one from end to end."""

import csv
import functools
import json
from dataclasses import replace

import pytest
import torch
import yaml
from conftest import TINY

from avsal_bench.bench.launch import one_job
from avsal_bench.bench.stages import network_label, stage_options, trainings
from avsal_bench.bench.starting import check_parts
from avsal_bench.cli import main
from avsal_bench.models import create_model, list_models
from avsal_bench.models.weights.offered import list_weights
from avsal_bench.records import METRICS, read_record
from avsal_bench.resources import resource
from avsal_bench.studies.ablation import (
    Ablation,
    Row,
    ablation_plan_text,
    list_ablations,
    load_ablation,
    plan_ablation,
    row_overrides,
)
from avsal_bench.studies.ablation_table import Printed, compare_ablation, published_ablation
from avsal_bench.training.recipe import load_recipe

FOLDER = resource("ablations")
PUBLISHED = resource("published.csv")
NAMES = list_ablations(FOLDER)
SMALL = {
    "title": "Scales of AVRSP",
    "paper": "avrsp2024",
    "table": "Table III",
    "model": "avrsp",
    "data": ["diem", "avad"],
    "set": {"stages.visual": None},
    "rows": [
        {"variant": "AVRSP config: none", "modality": "v", "set": {"network.ms": False, "network.mrg": False}},
        {"variant": "AVRSP config: MRG", "modality": "v", "set": {"network.ms": False, "network.mrg": True}},
    ],
}


def write(folder, plain, name="small"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(plain, sort_keys=False), encoding="utf-8")
    return folder


def load(tmp_path, **changes):
    return load_ablation(write(tmp_path / "ablations", SMALL | changes), "small")


def row(number=0, **changes):
    return SMALL["rows"][number] | changes


def test_the_tables_of_four_papers_are_there():
    assert {name.split("-")[0] for name in NAMES} == {"caspnet", "avrsp", "mspi", "scdl"}
    assert len(NAMES) == 20


@pytest.mark.parametrize("name", NAMES)
def test_every_row_is_published_and_every_published_row_is_a_row_or_left_out_for_a_reason(name):
    ablation = load_ablation(FOLDER, name)
    with PUBLISHED.open(encoding="utf-8", newline="") as file:
        lines = [
            line for line in csv.DictReader(file) if (line["paper"], line["table"]) == (ablation.paper, ablation.table)
        ]
    lines = [line for line in lines if not ablation.method or line["method"] == ablation.method]
    printed = {line["variant"]: line for line in lines if line["kind"] == ablation.kind}
    rows = [r for r in ablation.rows if not r.unprinted]
    assert {line["method"] for line in printed.values()} <= {ablation.method or ablation.model}
    assert set(printed) == {r.variant for r in rows} | set(ablation.left_out)
    assert all(ablation.left_out.values())
    for r in rows:
        assert printed[r.variant]["modality"].lower() == r.modality, r.variant


@pytest.mark.parametrize("name", NAMES)
def test_the_sets_are_those_that_the_paper_prints(name):
    ablation = load_ablation(FOLDER, name)
    if all(r.unprinted for r in ablation.rows):
        pytest.skip("a figure without numbers")
    recipe = load_recipe(
        resource("recipes"), ablation.model, "paper", row_overrides(ablation, ablation.rows[0], "paper")
    )
    where = (ablation.paper, ablation.table, ablation.method, ablation.kind)
    printed = {d for own in published_ablation(PUBLISHED, *where).values() for d in own}
    tested = set(recipe.test)
    if name.startswith("mspi-table3-"):  # sets by mouse and by eye share no table, so each has a file
        assert tested < printed == {"salicon", "mit1003"}
        return
    assert printed <= tested | {"average"}
    assert printed in (tested, {"average"}) or name in ("avrsp-table4", "mspi-table1", "scdl-table5"), (
        "not all sets can be read, or are printed"
    )


#: Whose rows are those of mspi-table6 at other sizes.
SAME = ("mspi-figure8", "mspi-table1")


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n in SAME)) for n in NAMES])
def test_the_options_of_every_row_build_another_network_or_training(name, space):
    ablation = load_ablation(FOLDER, name)
    assert ablation.model in list_models()
    made = []
    for plan in plan_ablation(ablation, space, "smoke", "stavis"):
        (job,) = plan.jobs
        recipe = job.recipe(plan.space)
        with torch.device("meta"):
            create_model(job.model, **stage_options(job, recipe))
        made.append((trainings(job, recipe, plan.space)[-1].folder, network_label(job, recipe)))
    assert len(set(made)) == len(made) == len(ablation.rows), "two rows would be one network, trained once"


def test_every_image_encoder_of_mspi_fits_the_stage_that_trains_it(space):
    for plan in plan_ablation(load_ablation(FOLDER, "mspi-table2"), space, "smoke", "stavis"):
        job = plan.jobs[0]
        stages = trainings(job, job.recipe(space), space)
        check_parts(stages)
        assert bool(stages[-1].parts) == plan.row.variant.startswith(("V2", "V3", "V4", "V5", "V7"))


@functools.cache
def parts_of(model, options):
    """Names of the modules of a network, whose first stages many rows share."""
    with torch.device("meta"):
        return {name for name, _ in create_model(model, **json.loads(options)).named_modules()}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_paper_preset_of_every_row_builds_at_full_size_and_starts_from_known_weights(name, space):
    ablation = load_ablation(FOLDER, name)
    for plan in plan_ablation(ablation, space, "paper", "stavis"):
        job = plan.jobs[0]
        recipe = job.recipe(space)
        assert [j.fold for j in plan.jobs] == list(ablation.folds or (1, 2, 3))
        for number, stage in enumerate(recipe.stages):
            parts = parts_of(stage.model or job.model, json.dumps(stage_options(job, recipe, stage)))
            earlier = {before.name for before in recipe.stages[:number]}
            for part, start in stage.start.items():
                assert part in parts or job.modality == "v" or stage.modality == "v", (plan.row.variant, part)
                assert start in list_weights() or start.partition(".")[0] in earlier, (plan.row.variant, start)
        assert not {"dhf1k"} & set(recipe.stages[-1].data)
        if ablation.data:
            assert recipe.test == recipe.stages[-1].data == ablation.data


#: What is wrong with a file, and what is said of it.
WRONG = [
    ({"tabel": "x"}, "unknown key 'tabel'; did you mean 'table'"),
    ({"name": "x"}, "unknown key 'name'"),
    ({"table": None}, "ablation: the key 'table' is missing"),
    ({"rows": []}, "ablation: the key 'rows' is missing"),
    ({"rows": [row(sett={})]}, "row 'AVRSP config: none': unknown key 'sett'; did you mean 'set'"),
    ({"rows": [{"modality": "v"}]}, "row '': the key 'variant' is missing"),
    ({"rows": ["none"]}, "row: expected a mapping, got 'none'"),
    ({"rows": [row(modality="vav")]}, "row 'AVRSP config: none': unknown modality 'vav'"),
    ({"rows": [row(), row(variant="AVRSP config: None")]}, "and 'AVRSP config: None' would share the folder"),
    ({"base": "MS"}, "base: unknown variant 'MS'"),
    ({"data": ["avda"]}, "'avda'; did you mean 'avad'"),
    ({"folds": [4]}, "folds: expected 1, 2 or 3, got 4"),
    ({"notes": "one"}, "notes: expected a list of texts, got 'one'"),
    ({"left_out": {"AVRSP config: MRG": "why"}}, "'AVRSP config: MRG' is a row and left out"),
]  # fmt: skip


def test_a_file_that_says_what_nobody_reads_is_an_error_that_names_it(tmp_path):
    for changes, message in WRONG:
        with pytest.raises(ValueError, match=r"small\.yaml: ") as error:
            load(tmp_path, **changes)
        assert message in str(error.value), changes


def test_a_file_that_is_not_yaml_is_named_with_the_line(tmp_path):
    (tmp_path / "small.yaml").write_text("title: x\nrows: [", encoding="utf-8")
    with pytest.raises(ValueError, match=r"small\.yaml, line 2: not YAML: "):
        load_ablation(tmp_path, "small")


def test_an_unknown_ablation_is_told_from_the_known_ones():
    with pytest.raises(ValueError, match="unknown ablation 'caspnet-tabel2'; did you mean 'caspnet-table2'"):
        load_ablation(FOLDER, "caspnet-tabel2")


def test_an_override_or_modality_that_the_network_does_not_know(tmp_path, space):
    with pytest.raises(ValueError, match=r"avrsp.yaml, preset smoke: .*unknown key 'nework'"):
        plan_ablation(load(tmp_path, rows=[row(set={"nework.ms": True})]), space, "smoke", "stavis")
    with pytest.raises(ValueError, match="ablation small, row 'AVRSP config: none': avrsp has no a"):
        plan_ablation(load(tmp_path, rows=[row(modality="a")]), space, "smoke", "stavis")


def test_sets_by_eye_and_by_mouse_share_no_table(space):
    ablation = load_ablation(FOLDER, "avrsp-table5")
    with pytest.raises(ValueError, match="avad is of eye tracking and crowdsal of a mouse: they share no table"):
        plan_ablation(ablation, space, "smoke", "stavis", overrides=["test=[avad,etmd,crowdsal]"])


@pytest.mark.parametrize("name", NAMES)
def test_no_two_rows_claim_one_record_and_none_that_of_the_leaderboard(name, space):
    plans = plan_ablation(load_ablation(FOLDER, name), space, "smoke", "stavis", folds=[1, 2], seeds=[0, 1])
    paths = [path for plan in plans for _, _, path in plan.records()]
    assert len(set(paths)) == len(paths) == 4 * len(plans)
    assert all(path.is_relative_to(space.runs / "ablations" / f"{name}-smoke") for path in paths)
    assert all(path.parts[-4:-2] == ("records", "stavis") for path in paths)


def test_rows_that_share_a_stage_train_it_once(space):
    visual = "{data: [synth_silent], epochs: 6, modality: v, start: null, options: {fusion: ravf}}"
    plans = plan_ablation(
        load_ablation(FOLDER, "avrsp-table5"), space, "smoke", "stavis", overrides=[f"stages.visual={visual}"]
    )
    stages = [[t.folder for t in trainings(p.jobs[0], p.jobs[0].recipe(p.space), p.space)] for p in plans]
    assert len({visual for visual, _ in stages}) == 1
    steps = [int(line.split("network.")[0].split()[-3]) for line in ablation_plan_text(plans).splitlines()[1:]]
    assert steps[0] > steps[1] == steps[6], "it counts for the first row"
    images = plan_ablation(load_ablation(FOLDER, "mspi-table4"), space, "smoke", "stavis")
    found = [[t.folder for t in trainings(p.jobs[0], p.jobs[0].recipe(p.space), p.space)] for p in images]
    assert len({folder for folders in found for folder in folders[:-1]}) == 2, "SALICON's and MIT1003's"


def test_overrides_come_in_order_and_embedded_sets_stay(tmp_path, space):
    ablation = load(
        tmp_path,
        folds=[2],
        set={"batch_size": 3, "flip": 0.1, "clips_per_video": 4},
        presets={"smoke": {"flip": 0.2, "clips_per_video": 5}, "paper": {"batch_size": 7}},
        rows=[row(set={"clips_per_video": 6}, presets={"paper": {"flip": 0.3}})],
    )
    (smoke,) = plan_ablation(ablation, space, "smoke", "stavis", overrides=["val_stride=9"])
    recipe = smoke.jobs[0].recipe(space)
    last = recipe.stages[-1]
    assert (last.batch_size, last.flip, last.clips_per_video, last.val_stride) == (3, 0.2, 6, 9)
    assert (recipe.test, last.data, recipe.sounds, smoke.jobs[0].fold) == (("synth",), ("synth",), ("original",), 1)
    (paper,) = plan_ablation(ablation, space, "paper", "stavis")
    recipe = paper.jobs[0].recipe(space)
    last = recipe.stages[-1]
    assert (last.batch_size, last.flip, last.clips_per_video) == (7, 0.3, 6)
    assert (recipe.test, last.data, [j.fold for j in paper.jobs]) == (("diem", "avad"), ("diem", "avad"), [2])
    assert recipe.stages[0].data == ("dhf1k",), "only the last stage is that of the table"


def test_the_plan_on_real_sets_counts_what_is_left(space, real_root):
    real = replace(space, data_root=real_root)
    text = ablation_plan_text(plan_ablation(load_ablation(FOLDER, "avrsp-table3"), real, "paper", "stavis"))
    lines = text.splitlines()
    assert len(lines) == 9
    # Three folds of one test video of 12 frames in each of two sets.
    assert all(line.split("network.")[0].split()[-2:] == ["72", "6"] for line in lines[1:])
    assert 'test=["diem", "avad"]' in lines[1]


def scores(value):
    return dict.fromkeys(METRICS, value)


TABLE = Ablation("t", "T", "p", "Table 1", "avrsp", (Row("a", "v"), Row("b", "av"), Row("c", "av")), base="b")


def test_the_table_puts_ours_beside_the_papers_and_both_against_the_base():
    published = {
        "a": {"avad": {"CC": Printed("0.671"), "NSS": Printed("3.67", "?")}},
        "b": {"avad": {"CC": Printed("0.670"), "NSS": Printed("3.7", "°")}},
        "c": {"avad": {"CC": Printed("0.685")}},
    }
    ours = {"a": {"synth": scores(0.5)}, "b": {"synth": scores(0.4)}}
    tables = compare_ablation(TABLE, ours, published)
    assert list(tables) == ["CC", "NSS"], "those that the paper prints, in the order of all tables"
    assert tables["CC"] == (
        ["Variant", "ours, synth", "paper, avad"],
        [["a", "0.500 (+0.100)", "0.671 (+0.001)"], ["b (base)", "0.400", "0.670"], ["c", "-", "0.685 (+0.015)"]],
    )
    assert [line[2] for line in tables["NSS"][1]] == ["3.67? (-0.03)", "3.7°", "-"]


def test_of_a_figure_without_numbers_all_metrics_are_shown_and_no_column_of_the_paper():
    ours = {"a": {"avad": scores(0.5)}, "b": {"avad": scores(0.4)}}
    tables = compare_ablation(TABLE, ours, {})
    assert list(tables) == list(METRICS)
    assert tables["CC"] == (["Variant", "ours, avad"], [["a", "0.500 (+0.100)"], ["b (base)", "0.400"], ["c", "-"]])


def test_mspis_tables_train_as_section_4_3_says(space):
    """Four clips a batch and batch norms; of Table 6 only S3D, whose row fits the 12 GB that the paper speaks of."""
    for name in ("mspi-table2", "mspi-table4", "mspi-table5", "mspi-table6"):
        for plan in plan_ablation(load_ablation(FOLDER, name), space, "paper", "stavis"):
            recipe = plan.jobs[0].recipe(space)
            found = recipe.stages[-1].batch_size, recipe.network.get("projector_norm", "layer")
            small = name == "mspi-table6" and plan.row.variant != "Ours (S3D)"
            assert found == ((2, "layer") if small else (4, "batch")), plan.row.variant
            assert {stage.batch_size for stage in recipe.stages[:-1]} <= {16}, "of images, as they were"


def test_avrsps_two_networks_without_pairs_are_two_and_may_be_made_one(space):
    third, fourth = (load_ablation(FOLDER, name) for name in ("avrsp-table3", "avrsp-table4"))

    def network(ablation, variant, *overrides):
        plans = plan_ablation(ablation, space, "smoke", "stavis", overrides=overrides)
        recipe = next(plan.jobs[0].recipe(space) for plan in plans if plan.row.variant == variant)
        with torch.device("meta"):
            net = create_model("avrsp", modality="v", **recipe.network)
        return {key: value.shape for key, value in net.state_dict().items()}

    none, pairs = network(third, "AVRSP config: none"), network(fourth, "Visual-only, MS&MRG pairs: 0")
    assert none != pairs
    assert network(third, "AVRSP config: none", "network.skips=true") == pairs
    six = plan_ablation(third, space, "paper", "stavis", overrides=["stages.audiovisual.data=[six]"])
    recipe = six[0].jobs[0].recipe(space)
    assert (len(recipe.stages[-1].data), recipe.test) == (6, ("diem", "avad"))


def test_on_the_same_sets_the_columns_stand_side_by_side_and_a_missing_base_gives_no_difference():
    published = {v: {"avad": {"CC": Printed("0.6")}, "etmd": {"CC": Printed("0.7")}} for v in "ac"}
    ours = {"a": {"etmd": scores(0.5), "avad": scores(0.4)}}
    header, body = compare_ablation(TABLE, ours, published)["CC"]
    assert header[:5] == ["Variant", "ours, etmd", "paper, etmd", "ours, avad", "paper, avad"]
    shown = [line[:5] for line in body]
    assert shown == [["a", "0.500", "0.7", "0.400", "0.6"], ["b (base)", *"----"], ["c", "-", "0.7", "-", "0.6"]]


def test_a_mean_over_the_sets_is_compared_with_our_mean():
    published = {v: {"average": {"CC": Printed("0.6")}} for v in "abc"}
    ours = {"a": {"avad": scores(0.5), "etmd": scores(0.3)}, "b": {"avad": scores(0.2), "etmd": scores(0.4)}}
    ours["c"] = {"avad": scores(1)}
    header, body = compare_ablation(TABLE, ours, published)["CC"]
    assert header == ["Variant", "ours, average", "paper, average"]
    assert [line[1] for line in body] == ["0.400 (+0.100)", "0.300", "-"]


def test_behind_several_sets_stand_the_means_over_them_where_all_are_there():
    """Figures 6 and 8 of mspi2024 are differences of such means, and no single set's."""
    ours = {v: {"avad": scores(0.5 + k / 10), "etmd": scores(0.3)} for k, v in enumerate("ab")} | {"c": {}}
    printed = {"avad": {"CC": Printed("0.60")}, "etmd": {"CC": Printed("0.401", "?")}}
    header, body = compare_ablation(TABLE, ours, {"a": printed, "b": printed, "c": {"avad": printed["avad"]}})["CC"]
    assert header[-2:] == ["ours, mean of 2", "paper, mean of 2"]
    assert [line[-2] for line in body] == ["0.400 (-0.050)", "0.450", "-"]
    assert [line[-1] for line in body] == ["0.500? (0.000)", "0.500?", "-"]
    assert compare_ablation(TABLE, ours, {})["CC"][0] == ["Variant", "ours, avad", "ours, etmd", "ours, mean of 2"]
    other = {v: {"avad": printed["avad"]} for v in "abc"}
    assert compare_ablation(TABLE, ours, other)["CC"][0][-1] == "ours, mean of 2", "of other sets no mean compares"


def test_published_scores_are_read_with_their_marks():
    cells = published_ablation(PUBLISHED, "caspnet2023", "Table 2")
    assert cells["V+A+ILinear+C"]["avad"] == {"CC": Printed("0.685"), "SIM": Printed("0.528")}
    assert published_ablation(PUBLISHED, "avrsp2024", "Table III")["AVRSP config: MS"]["diem"]["CC"].mark == "?"
    assert "AUC-J" not in published_ablation(PUBLISHED, "mspi2024", "Table 2")["baseline"]["coutrot2"], "unreadable"
    assert "params_M" not in published_ablation(PUBLISHED, "caspnet2023", "Table 1")["CASP-Net(Sal)"]["avad"]
    with pytest.raises(ValueError, match=r"published.csv: no row of caspnet2023, 'Table 9'"):
        published_ablation(PUBLISHED, "caspnet2023", "Table 9")


@pytest.fixture
def small(tmp_path, space, monkeypatch):
    """Resources with an ablation of two rows, one more that fails, and its command; jobs run in this process."""
    home = tmp_path / "resources"
    home.mkdir()
    for part in resource().iterdir():
        if part.name != "ablations":
            (home / part.name).symlink_to(part)
    # Weights that the first step throws far away: nobody can know before.
    broken = row(variant="AVRSP config: Audio", modality="av", set={"optimizer.lr": 1e30})
    rows = [SMALL["rows"][0], broken, SMALL["rows"][1]]
    write(home / "ablations", SMALL | {"notes": ["The paper says two things."]})
    write(home / "ablations", SMALL | {"rows": rows}, "broken")
    started = []

    def in_this_process(bench, command, log, prefix):
        started.append(command)
        return one_job.main(command[3:])

    monkeypatch.setattr("avsal_bench.bench.launch.local._Bench.follow", in_this_process)
    monkeypatch.setattr("avsal_bench.resources._HERE", home)
    monkeypatch.delenv("AVSAL_DATA", raising=False)
    folders = [
        "--synth-root",
        str(space.synth_root),
        "--runs",
        str(space.runs),
        "--leaderboard",
        str(space.leaderboard),
    ]
    overrides = [word for override in (*TINY, "stages.visual=null") for word in ("--set", override)]
    return ["bench", *folders, "--workers", "0", *overrides], started


@pytest.mark.slow
def test_two_rows_from_end_to_end_and_again(small, space, capsys):
    command, started = small
    assert main([*command, "--ablation", "small"]) == 0
    root = space.runs / "ablations" / "small-smoke"
    text = (root / "table.md").read_text()
    out = capsys.readouterr().out
    assert "## SIM" in out, "the same on the terminal"
    assert "| Variant" not in out, "not as Markdown"
    records = {path.relative_to(root).parts[0]: read_record(path) for path in root.rglob("*.json")}
    none, mrg = records["avrsp-config-none"], records["avrsp-config-mrg"]
    assert (none.recipe["network"]["mrg"], mrg.recipe["network"]["mrg"]) == (False, True)
    assert none.weights["parameters"] < mrg.weights["parameters"]
    sim = [record.scores["SIM"] for record in (none, mrg)]
    cells = [[cell.strip() for cell in line.split("|")[2:5]] for line in text.split("## SIM")[1].splitlines()[4:6]]
    assert cells[0] == [f"{sim[0]:.3f}", "0.519", "0.514"]
    assert cells[1] == [f"{sim[1]:.3f} ({sim[1] - sim[0]:+.3f})", "0.538? (+0.019)", "0.526? (+0.012)"]
    assert "say nothing about real videos" in text
    assert text.endswith("## Notes\n\n- The paper says two things.\n")
    assert not list(space.leaderboard.rglob("*")), "the leaderboard knows nothing of it"
    assert len(started) == 2

    assert main([*command, "--ablation", "small"]) == 0
    assert len(started) == 2, "rows with their records are skipped"
    assert (root / "table.md").read_text() == text
    assert "AVRSP config: MRG: all records are there" in capsys.readouterr().out

    next((root / "avrsp-config-mrg").rglob("*.json")).unlink()
    assert main([*command, "--ablation", "small", "--show"]) == 0
    shown = (root / "table.md").read_text().split("## SIM")[1].splitlines()[4:6]
    assert [line.split("|")[2].strip() for line in shown] == [f"{sim[0]:.3f}", "-"]
    assert len(started) == 2
    assert main([*command, "--ablation", "small"]) == 0
    assert len(started) == 3
    assert (root / "table.md").read_text() == text, "a lost record comes back as it was"

    assert main([*command, "--ablation", "small", "--set", "stages.audiovisual.epochs=1"]) == 2
    captured = capsys.readouterr()
    assert "was made by another recipe" in captured.err, "nobody's record is passed off as another's"
    assert len(started) == 3, "it is told before any row runs"


@pytest.mark.slow
def test_a_row_that_fails_is_named_and_the_others_go_on(small, space, capsys):
    command, started = small
    assert main([*command, "--ablation", "broken"]) == 1
    captured = capsys.readouterr()
    assert "NaN or infinity" in captured.err or "try a lower learning rate" in captured.err
    assert "1 of 3 rows failed: 'AVRSP config: Audio'" in captured.err
    root = space.runs / "ablations" / "broken-smoke"
    assert {path.relative_to(root).parts[0] for path in root.rglob("*.json")} == {
        "avrsp-config-none",
        "avrsp-config-mrg",
    }
    broken = (root / "table.md").read_text().split("## SIM")[1].splitlines()[5]
    assert [cell.strip() for cell in broken.split("|")[1:4]] == ["AVRSP config: Audio", "-", "0.539 (+0.020)"]
    assert main([*command, "--ablation", "broken"]) == 1
    assert len(started) == 4, "only the row that failed is tried again"


def test_dry_run_prints_the_rows_and_does_nothing(small, space, capsys):
    command, started = small
    assert main([*command, "--ablation", "small", "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["row", "AVRSP config: none", "AVRSP config: MRG"]
    assert "network.mrg=true" in lines[2]
    assert not started
    assert not (space.runs / "ablations").exists()


def test_the_list_names_tables_and_papers(capsys):
    assert main(["bench", "--ablation", "list"]) == 0
    _, *lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == NAMES
    assert "caspnet2023, Table 2" in lines[NAMES.index("caspnet-table2")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["vinet", "--ablation", "small"], "ablation small is one of avrsp, not of vinet; leave the network out"),
        (["--ablation", "smal"], "unknown ablation 'smal'; did you mean 'small'"),
        (["--ablation", "small", "--modality", "v"], "each row of an ablation says its modality; leave --modality out"),
        (["--ablation", "small", "--preset", "smok"], "unknown preset 'smok'; did you mean 'smoke'"),
        (["avrsp", "--show"], "--show prints the table of an ablation"),
        ([], "name a network, such as `avsal bench avrsp`, or a published table with --ablation"),
    ],
)
def test_arguments_that_contradict_each_other_are_one_line(small, capsys, arguments, message):
    command, started = small
    assert main([*command, *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not started


def test_the_network_may_be_named_beside_its_ablation(small):
    command, _ = small
    assert main([*command, "avrsp", "--ablation", "small", "--dry-run"]) == 0

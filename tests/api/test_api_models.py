"""Networks by name, with and without weights; the scores of a frame; tables of records."""

import math

import numpy as np
import pytest
import torch
from made_records import make, save
from predicted import write_checkpoint

import avsal_bench
from avsal_bench.bench.workspace import workspace
from avsal_bench.models import model_entry


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("AVSAL_WEIGHTS", str(tmp_path / "weights"))
    return tmp_path / "weights"


def test_models_are_listed_by_pattern_and_by_published_weights():
    assert avsal_bench.list_models() == sorted(avsal_bench.list_models())
    assert avsal_bench.list_models("*net") == ["aclnet", "caspnet", "stanet", "stsanet", "tasednet", "tmfinet", "vinet"]
    assert avsal_bench.list_models("nothing*") == []
    offered = avsal_bench.list_models(pretrained=True)
    assert {"stavis", "vinet"} <= set(offered)
    assert not {"centre", "avrsp"} & set(offered)
    assert "synth" in avsal_bench.list_datasets()


def test_a_network_is_built_by_its_name_with_options():
    net = avsal_bench.create_model("avrsp", **{**model_entry("avrsp").tiny, "modality": "v"})
    assert net.spec.audio is None
    with pytest.raises(ValueError, match="unknown model 'vinett'; did you mean 'vinet'"):
        avsal_bench.create_model("vinett")
    with pytest.raises(ValueError, match="unknown option 'sigm'; did you mean 'sigma'"):
        avsal_bench.create_model("centre", sigm=1.0)


@pytest.mark.parametrize(
    ("name", "pretrained", "options", "error", "text"),
    [
        ("centre", True, {}, ValueError, "baseline and has no weights; leave out"),
        ("avrsp", True, {}, ValueError, "has no published weights; these networks have: .*stavis"),
        ("stavis", True, {"modality": "a"}, ValueError, "no published weights with modality='a'; it has: stavis_av"),
        ("tasednet", True, {}, FileNotFoundError, "none of its published weights was imported .*avsal weights import"),
        ("tasednet", "tasednet_dhf1k", {}, FileNotFoundError, "tasednet_dhf1k: not in .*avsal weights import"),
        ("tasednet", "nowhere.pt", {}, FileNotFoundError, "nowhere.pt: no such file"),
    ],
)
def test_weights_that_are_not_there_say_what_to_do(store, name, pretrained, options, error, text):
    with pytest.raises(error, match=text):
        avsal_bench.create_model(name, pretrained=pretrained, **options)


def test_of_several_imported_weights_one_is_named(store):
    store.mkdir()
    for fold in (1, 2):
        (store / f"stavis_av_fold{fold}.pt").touch()
    with pytest.raises(
        ValueError, match="several weights were imported; say which, such as pretrained='stavis_av_fold1'"
    ):
        avsal_bench.create_model("stavis", pretrained=True)
    with pytest.raises(ValueError, match=r"stavis_av_fold1\.pt: empty"):
        avsal_bench.create_model("stavis", pretrained="stavis_av_fold1")


def test_a_checkpoint_is_loaded_strictly_with_its_own_options(tmp_path):
    path = tmp_path / "best.ckpt"
    trained = write_checkpoint(path, "v")
    net = avsal_bench.create_model("avrsp", pretrained=str(path))
    assert all(
        torch.equal(a, b) for a, b in zip(net.state_dict().values(), trained.net.state_dict().values(), strict=True)
    )
    with pytest.raises(ValueError, match="weights of avrsp, not of vinet"):
        avsal_bench.create_model("vinet", pretrained=path)
    with pytest.raises(ValueError, match="trained with modality='v', not modality='av'"):
        avsal_bench.create_model("avrsp", pretrained=path, modality="av")
    torch.save(trained.net.state_dict(), tmp_path / "state.pt")
    with pytest.raises(ValueError, match="does not fit tasednet"):
        avsal_bench.create_model("tasednet", pretrained=tmp_path / "state.pt", **model_entry("tasednet").tiny)


MAP = np.array([[0.0, 0.1, 0.2], [0.1, 0.5, 0.9]])


def test_scores_of_a_frame_are_those_of_the_metrics():
    metrics = avsal_bench.metrics
    mask = np.array([[0, 0, 0], [0, 0, 1]])
    scores = avsal_bench.score(MAP, mask, MAP**2, negatives=[(0, 0), (1, 1)])
    assert list(scores) == ["CC", "NSS", "AUC-J", "sAUC", "SIM", "KL"]
    assert scores["CC"] == metrics.cc(MAP, MAP**2)
    assert scores["NSS"] == metrics.nss(MAP, mask)
    assert scores["sAUC"] == 1.0
    assert scores == avsal_bench.score(
        torch.from_numpy(MAP), [(2, 1)], torch.from_numpy(MAP**2), negatives=[(0, 0), (1, 1)]
    )
    few = avsal_bench.score(MAP, [(2, 1)])
    assert {name for name, value in few.items() if math.isnan(value)} == {"CC", "sAUC", "SIM", "KL"}


@pytest.mark.parametrize(
    ("saliency", "fixations", "density", "text"),
    [
        (MAP, MAP > 0.4, np.ones((3, 3)), "shape"),
        (MAP, [(3, 0)], None, "outside|beyond|in a map"),
        (np.where(MAP > 0.4, np.nan, MAP), [(0, 0)], None, "holds NaN or infinity"),
        (np.zeros((2, 2, 2, 2)), [(0, 0)], None, "shape"),
    ],
)
def test_a_frame_that_cannot_be_scored_is_an_error_of_one_sentence(saliency, fixations, density, text):
    with pytest.raises(ValueError, match=text):
        avsal_bench.score(saliency, fixations, density)


def test_records_become_a_table_with_one_score_a_row(tmp_path):
    records = [make([0.5, 0.7], fold=fold, model=model) for fold in (1, 2) for model in ("toy", "other")]
    save(tmp_path / "board", records)
    table = avsal_bench.load_records(str(tmp_path / "board"))
    assert list(table.columns[:7]) == ["model", "modality", "dataset", "fold", "seed", "protocol", "sound"]
    assert len(table) == 4 * 6
    assert table.equals(avsal_bench.load_records(tmp_path / "board" / "records"))
    row = table[(table.model == "toy") & (table.fold == 2) & (table.metric == "CC")]
    assert row.value.item() == pytest.approx(0.6)
    assert row.frames.item() == 20
    files = sorted((tmp_path / "board" / "records").rglob("*.json"))
    assert len(avsal_bench.load_records(files[:2])) == 12
    videos = avsal_bench.load_records(records[0], videos=True)
    assert list(videos[videos.metric == "NSS"].value) == [0.5, 0.7]
    assert set(videos.video) == {"video0", "video1"}
    assert avsal_bench.read_record(str(files[0])).fold == 1


def test_what_is_no_record_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        avsal_bench.load_records(str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match="no record below this folder"):
        avsal_bench.load_records(tmp_path)
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(ValueError, match=r"a\.json: not a record"):
        avsal_bench.load_records(tmp_path)
    record = make([0.5])
    with pytest.raises(ValueError, match="are of the same test; give one of them"):
        avsal_bench.load_records([record, record])
    with pytest.raises(TypeError, match="expected a folder, a file or a record, got 3"):
        avsal_bench.load_records([3])


def test_the_root_of_a_data_set_is_found_or_asked_for(monkeypatch, tmp_path, synth_root):
    monkeypatch.delenv("AVSAL_DATA", raising=False)
    workspace()  # forgets a root that was given before
    with pytest.raises(FileNotFoundError, match="avad: no data root; give data_root="):
        avsal_bench.data_root("avad")
    with pytest.raises(FileNotFoundError, match="nowhere does not exist"):
        avsal_bench.data_root("avad", tmp_path / "nowhere")
    with pytest.raises(ValueError, match="unknown data set 'synht'; did you mean 'synth'"):
        avsal_bench.evaluate("centre", "synht")
    assert avsal_bench.data_root("synth", str(synth_root)) == synth_root

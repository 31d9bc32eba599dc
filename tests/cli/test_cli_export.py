"""The command `avsal export`, as it is typed."""

import pytest
import torch

from avsal_bench.cli import main


def test_a_network_is_exported_and_the_command_says_how_far_its_maps_are(tmp_path, capsys):
    out = tmp_path / "centre.pt"
    assert main(["export", "centre", "-o", str(out), "--batch", "any"]) == 0
    told = capsys.readouterr().out
    assert "centre, to torchscript; clips at a time: any" in told
    assert "batch x 1 x 32 x 32 x 3" in told
    assert "clips of moving things, batch 2:" in told
    assert "largest difference from the suite: " in told
    assert torch.jit.load(str(out))(torch.zeros(3, 1, 32, 32, 3, dtype=torch.uint8)).shape == (3, 192, 256)
    assert main(["export", "centre", "-o", str(out)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert main(["export", "centre", "-o", str(out), "--force"]) == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["vinet_t", "-o", "a.pt2", "--untrained"], "unknown model 'vinet_t'; did you mean 'vinet_"),
        (["vinet_s", "-o", "a.pt2", "--weights", "none.pt"], "none.pt: no such file, and unknown weights"),
        (["vinet_s", "-o", "a.pt2", "--weights", "w.pt", "--untrained"], "leave out one of the two"),
        (["vinet_s", "-o", "a.pt2"], "no finished training of vinet_s"),
        (["centre", "-o", "a"], "says no format by its name"),
        (["centre", "-o", "a.pt", "--to", "tflite"], "unknown format 'tflite'"),
        (["centre", "-o", "none/a.pt"], "there is no folder none"),
        (["mep", "-o", "a.pt"], "unknown|maps of a training list"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(words, says, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["export", *words, "--runs", str(tmp_path / "runs")]) == 2
    told = capsys.readouterr().err
    assert says.split("|")[-1] in told or says in told
    assert not [path for path in tmp_path.iterdir() if path.suffix.startswith(".pt")]


def test_weights_of_another_network_are_refused(tmp_path, capsys):
    weights = tmp_path / "w.pt"
    torch.save({"encoder.weight": torch.zeros(3)}, weights)
    words = ["export", "vinet_s", "--weights", str(weights), "-o", str(tmp_path / "a.pt2")]
    assert main([*words, "--set", "network.size=[64, 96]", "--set", "network.width=0.125"]) == 2
    told = capsys.readouterr().err
    assert str(weights) in told
    assert not (tmp_path / "a.pt2").exists()

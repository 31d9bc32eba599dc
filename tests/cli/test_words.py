"""What can be typed wrongly: one line that says what is right, exit code 2, and never a traceback."""

import pytest

from avsal_bench.cli import main


@pytest.fixture
def folders(space):
    return ["--synth-root", str(space.synth_root), "--runs", str(space.runs), "--leaderboard", str(space.leaderboard)]


def refused(words, capsys):
    """The last line on stderr of a command that is refused."""
    try:
        code = main(words)
    except SystemExit as end:  # of the parser
        code = end.code
    captured = capsys.readouterr()
    assert code == 2, captured
    assert "Traceback" not in captured.err + captured.out
    assert "weights_only" not in captured.err + captured.out
    return captured.err.strip().splitlines()[-1]


BENCH = ["bench", "avrsp", "--dry-run"]
PLACES = ["expected the name of a file or folder", "no home folder"]


@pytest.mark.parametrize(
    ("command", "option", "values"),
    [
        (BENCH, "--devices", ["-1", "0", "nan", "", "1.5", "two", "0x2"]),
        (BENCH, "--nodes", ["-1", "0", "nan", ""]),
        (BENCH, "--workers", ["-1", "nan", "", "1e3"]),
        (BENCH, "--clips-a-device", ["-1", "0", "nan", ""]),
        (BENCH, "--parallel", ["-3", "0", "nan", ""]),
        (BENCH, "--seeds", ["-1", "a", "", "1,,2", "4294967296", "9" * 5000]),
        (BENCH, "--folds", ["0", "10", "a", "", "1,10", "1.0"]),
        (BENCH, "--gpus", ["-1", "x"]),
        (BENCH, "--time", ["-1", "0", "1h"]),
        (BENCH, "--cpus", ["-1"]),
        (BENCH, "--mem", ["-1", "4GB"]),
        (BENCH, "--array-parallel", ["0", "-1"]),
        (["run", "avrsp"], "--devices", ["-1", "0"]),
        (["run", "avrsp"], "--seed", ["-1", "nan", ""]),
        (["predict", "f.mp4", "-o", "x"], "--batch-size", ["0", "-1", "nan", ""]),
        (["predict", "f.mp4", "-o", "x"], "--workers", ["-1", "x"]),
        (["retention", "f.mp4", "-o", "x.png"], "--frame", ["0", "-1", "nan"]),
        (["evaluate", "--pred", "x", "--dataset", "synth"], "--workers", ["-1", "x"]),
        (["evaluate", "--pred", "x", "--dataset", "synth"], "--first", ["-1", ""]),
        (["pseudo", "synth"], "--seed", ["-1", "x"]),
        (["data", "stats"], "--stride", ["0", "-1"]),
        (["data", "prepare"], "--rate", ["-1", "2147483647", "nan"]),
    ],
)
def test_numbers_out_of_their_range(capsys, command, option, values):
    for value in values:
        line = refused([*command, option, value], capsys)
        assert f"argument {option}: expected" in line
        assert len(line) < 300


@pytest.mark.parametrize("sizes", ["0x0", "-1x5", "224", "axb", "9x9x9", ""])
def test_a_size_is_two_numbers(capsys, sizes):
    assert "expected height x width" in refused(["data", "prepare", f"--size={sizes}"], capsys)


@pytest.mark.parametrize(
    "words",
    [
        *([*BENCH, f"--{name}"] for name in ("runs", "leaderboard", "data-root", "synth-root")),
        ["predict", "f.mp4", "-o"],
        ["predict", "f.mp4", "-o", "x", "--audio"],
        ["predict", "-o", "x"],
        ["hear"],
        ["switch"],
        ["analyse"],
        ["evaluate", "--dataset", "synth", "--pred"],
        ["data", "check", "--root"],
        ["data", "check", "--report"],
        ["data", "show", "synth", "x", "--out"],
        ["weights", "verify"],
        ["weights", "list", "--weights-store"],
        ["models", "--csv"],
        ["leaderboard", "--latex", "synth", "--out"],
    ],
)
def test_a_place_has_a_name(capsys, words):
    for value in ("", "  ", "~nobody-of-that-name/x", "a\0b"):
        line = refused([*words, value], capsys)
        assert any(told in line for told in PLACES), line


def test_a_home_folder_is_found(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert f"missing video {tmp_path}/x.mp4" in refused(["predict", "~/x.mp4", "-o", "y"], capsys)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--folds", "10"], "most sets have 1, 2 and 3, and none has more than 9"),
        (["--folds", "1,1"], "1 stands twice"),
        (["--seeds", "1,1"], "1 stands twice"),
        (["--devices", "9"], "cannot be shared out evenly to 9 processes"),
        (["--nodes", "2"], "nothing says where the others are"),
        (["--precision", "foo"], "unknown precision 'foo'"),
        (["--precision", ""], "unknown precision ''"),
        (["--logger", "wandbb"], "unknown logger 'wandbb'; did you mean 'wandb'"),
        (["--datasets", ""], "expected names with commas"),
        (["--datasets", "foo"], "unknown data set 'foo'"),
        (["--modality", "x"], "no modality 'x'"),
        (["--sound", "x"], "unknown sound 'x'"),
        (["--preset", ""], "expected a word"),
        (["--set", "a={"], "a={: not YAML"),
        (["--set", "optimizer={name: sgd, name: adam, lr: 1}"], "the key 'name' stands twice"),
        (["--set", "batch_size=abc"], "batch_size should be a whole number"),
        (["--set", "batch_size=0"], "batch_size should be greater than or equal to 1"),
        (["--set", "batch_size=99999999999999999999"], "batch_size should be less than or equal to"),
        (["--set", "stages=5"], "stages: expected a mapping"),
        (["--set", "stages.audiovisual.epochs=-1"], "epochs should be greater than or equal to 0"),
        (["--set", "stages.audiovisual.epochs=.inf"], "epochs should be a whole number"),
        (["--set", "test=[]"], "test: expected at least one"),
        (["--set", "sounds=[muted, muted]"], "sounds: expected at least one, and each once"),
        (["--set", "folds=[]"], "folds: expected at least one"),
        (["--set", "network.network=avc"], "avrsp: unknown option 'network'"),
        (["--set", "network.frame=8"], "unknown option 'frame'; did you mean 'frames'"),
        (["--set", "network.size=5"], "avrsp: size is (height, width), two whole numbers of pixels; got 5"),
        (["--set", "network.width=yes"], "avrsp: width is a whole number; got True"),
        (["--set", "network.heads=0"], "avrsp cannot be built with"),
        (["--set", "network.width=99999999999999999999"], "avrsp cannot be built with"),
        (["--set", "network.frames=-1"], "got -1"),
        (["--set", "network.modality=v"], "say --modality"),
        (["--set", "optimizer.name=foo"], "unknown optimizer 'foo'"),
        (["--set", "schedule={name: foo}"], "unknown schedule 'foo'"),
        (["--set", "optimizer.lr_scale={foo: 1}"], "unknown part in lr_scale 'foo'"),
        (["--set", "val_fraction=1"], "sets aside all"),
    ],
)
def test_a_dry_run_refuses_what_a_run_refuses(folders, capsys, words, message):
    line = refused([*BENCH, *words, *folders], capsys)
    assert message in line
    assert line.startswith("avsal bench")


@pytest.mark.parametrize("command", [["bench"], ["bench", "status"], ["bench", "collect"], ["run"]])
def test_every_command_that_plans_looks_at_the_whole_plan(folders, capsys, command):
    for setting, message in {
        "network.foo=1": "unknown option 'foo'",
        "optimizer.name=foo": "unknown optimizer",
    }.items():
        assert message in refused([*command, "avrsp", "--set", setting, *folders], capsys)


def test_what_is_asked_for_twice_or_fits_nothing(folders, capsys):
    assert "model avrsp is asked for twice" in refused(["bench", "avrsp", "avrsp", "--dry-run", *folders], capsys)
    for setting, message in {
        "foo=1": "unknown key 'foo'",
        "network.sigmas=3": "centre: unknown option 'sigmas'; did you mean 'sigma'",
        "batch_size=2": "--set batch_size is of training, and nothing is trained here",
    }.items():
        assert message in refused(["bench", "centre", "mep", "--dry-run", "--set", setting, *folders], capsys)
    assert "nothing is trained here" in refused(["run", "centre", "--set", "batch_size=2", *folders], capsys)
    assert "stage 'dhf1k': avc: " in refused(["run", "avc", "--set", "network.network=avc", *folders], capsys)


@pytest.mark.parametrize("device", ["meta", "cuda:99", "tpu", "cuda:-1", "", "cpu:x", "0"])
def test_a_device_that_does_not_compute_here(capsys, device, tmp_path):
    (tmp_path / "f.mp4").touch()
    line = refused(["predict", str(tmp_path / "f.mp4"), "-o", str(tmp_path / "o"), "--device", device], capsys)
    assert f"no device {device!r} here" in line
    assert "use auto, cpu, cuda or cuda:<n>" in line


def test_help_tells_of_debug_and_of_exit_codes(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    told = capsys.readouterr().out
    for word in ("--debug", "AVSAL_DEBUG=1", "70 a fault of avsal"):
        assert word in " ".join(told.split())

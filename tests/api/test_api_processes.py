"""A network of a user's own by Lightning alone: what its Trainer does in several processes, unasked."""

import os
import signal
import subprocess
import sys
from contextlib import suppress

import pytest
from conftest import write_set

#: A user's script: no option of the Trainer but the number of processes.
SCRIPT = """
import sys, torch
from lightning import Trainer
from torch import nn
from avsal_bench import ClipSpec, DataConfig, SaliencyDataModule, SaliencyModule

class Mine(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.spec = ClipSpec(2, (24, 32))
        self.conv = nn.Conv3d(3, 1, (2, 5, 5), padding=(0, 2, 2))

    def forward(self, frames):
        return self.conv(frames)[:, 0, 0].sigmoid()

if __name__ == "__main__":
    root, processes = sys.argv[1], int(sys.argv[2])
    module = SaliencyModule(Mine())
    data = SaliencyDataModule(DataConfig({"etmd": root}, val_stride=2, batch_size=1), module.net.spec)
    quiet = dict.fromkeys(("logger", "enable_progress_bar", "enable_model_summary", "enable_checkpointing"), False)
    strategy = "ddp" if processes > 1 else "auto"
    trainer = Trainer(accelerator="cpu", devices=processes, strategy=strategy, max_epochs=1, **quiet)
    tested = trainer.test(module, datamodule=data, verbose=False)
    validated = trainer.validate(module, datamodule=data, verbose=False)
    trainer.fit(module, datamodule=data)
    if trainer.is_global_zero:
        print(*(f"{value:.6f}" for value in (*tested[0].values(), *validated[0].values())))
"""


def said(folder, processes):
    script = folder / "train.py"
    script.write_text(SCRIPT)
    run = [sys.executable, str(script), str(folder), str(processes)]
    variables = os.environ | {"OMP_NUM_THREADS": "1", "PL_TORCH_DISTRIBUTED_BACKEND": "gloo"}
    # A group of its own: the second process, which Lightning starts, must not stay behind when both wait for ever.
    running = subprocess.Popen(
        run,
        cwd=folder,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, error = running.communicate(timeout=300)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
    assert running.returncode == 0, error[-2000:]
    return out.splitlines()[-1]


@pytest.mark.slow
def test_a_module_is_tested_validated_and_trained_by_one_process_as_by_two(tmp_path):
    """A run after another one failed, as did two processes without `use_distributed_sampler=False`."""
    write_set(tmp_path, "ETMD_av", ("_1",), n_frames=12)
    alone = said(tmp_path, 1)
    assert len(alone.split()) == 7
    assert said(tmp_path, 2) == alone

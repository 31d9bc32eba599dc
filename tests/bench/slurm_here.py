"""A throw-away SLURM on this machine: one node, no accounting, no authentication, gone with its folder."""

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from pathlib import Path

#: A process that a test kills stays killed, and one that is queued again starts within seconds and not two minutes.
CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={control_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/none
AuthInfo=cred_expire=5
CredType=cred/none
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
ReturnToService=2
NodeName=node1 NodeHostname={host} NodeAddr=127.0.0.1 Port={node_port} CPUs={cpus} RealMemory=4000 State=UNKNOWN
PartitionName=debug Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def why_not() -> str:
    """Why no SLURM can be started here; "" when one can."""
    missing = [name for name in ("slurmctld", "slurmd", "sbatch", "squeue") if shutil.which(name) is None]
    if missing:
        return f"{', '.join(missing)} not found; apt-get install --no-install-recommends slurm-wlm"
    return "" if os.geteuid() == 0 else "SLURM's daemons are started as root"


@contextmanager
def cluster(folder: Path, cpus: int):
    """Environment in which SLURM's commands talk to a cluster of one node."""
    (folder / "state").mkdir(parents=True)
    (folder / "spool").mkdir()
    ports = [_free_port(), _free_port()]
    host = socket.gethostname().partition(".")[0]
    text = CONFIGURATION.format(folder=folder, host=host, cpus=cpus, control_port=ports[0], node_port=ports[1])
    configuration = folder / "slurm.conf"
    configuration.write_text(text)
    environment = os.environ | {"SLURM_CONF": str(configuration), "MASTER_ADDR": "127.0.0.1"}
    try:
        subprocess.run(["slurmctld"], env=environment, check=True, capture_output=True)
        subprocess.run(["slurmd", "-N", "node1"], env=environment, check=True, capture_output=True)
        for _ in range(120):
            done = subprocess.run(["sinfo", "-h", "-o", "%T"], env=environment, capture_output=True, text=True)
            if done.stdout.strip() == "idle":
                break
            time.sleep(0.25)
        else:
            raise RuntimeError(f"SLURM did not come up: {done.stdout}{done.stderr}")
        yield environment
    finally:
        subprocess.run(["scancel", "--me"], env=environment, capture_output=True, check=False)
        for _ in range(40):  # a daemon that goes first leaves the processes of its jobs behind
            left = subprocess.run(["squeue", "-h"], env=environment, capture_output=True, text=True, check=False)
            if not left.stdout.strip():
                break
            time.sleep(0.5)
        subprocess.run(["scontrol", "shutdown"], env=environment, capture_output=True, check=False)
        time.sleep(1)
        for name in ("slurmctld.pid", "slurmd.pid"):
            with suppress(OSError, ValueError):
                os.kill(int((folder / name).read_text()), signal.SIGKILL)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

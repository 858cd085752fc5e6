"""SDK v3's MPI driver over two hosts: it starts sshd on each, logs in with paramiko, and has mpirun log in."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import RunningServer

SUBMIT = """
from sagemaker.core.utils.utils import configure_logging
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, SourceCode
from sagemaker.train.distributed import MPI
configure_logging("INFO")
ModelTrainer(
    training_image="763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.0.0-cpu-py310",
    source_code=SourceCode(source_dir="code", entry_script="train.py"),
    compute=Compute(instance_type="ml.m5.large", instance_count=2),
    distributed=MPI(process_count_per_node=2, mpi_additional_options=["--map-by", "node", "--oversubscribe"]),
    base_job_name="mpi",
).train()
"""
SCRIPT = """
import os, subprocess, sys
from mpi4py import MPI
comm = MPI.COMM_WORLD
total = comm.allreduce(comm.Get_rank() + 1)
names = comm.allgather(os.uname().nodename)
if {fails} and comm.Get_rank() == 1:
    sys.exit("the second process has had enough")
if comm.Get_rank() == 0:
    print("sum", total, "over", names, flush=True)
    done = subprocess.run(["ssh", "-o", "Port=22", "algo-2", "hostname; echo wrong >&2; exit 7"], capture_output=True, text=True)
    print("ssh gave", done.returncode, done.stdout.strip(), done.stderr.strip(), flush=True)
"""

pytestmark = [
    pytest.mark.skipif(not shutil.which("mpirun"), reason="Open MPI is not installed"),
    pytest.mark.skipif(
        os.geteuid() != 0 or not all(map(shutil.which, ("ip", "nft", "nsenter"))),
        reason="the hosts have no network of their own here",
    ),
    pytest.mark.timeout(600),
]


@pytest.mark.sampled(1)
@pytest.mark.parametrize("fails", [False, True])
def test_mpi_driver(server: RunningServer, tmp_path: Path, fails: bool) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "train.py").write_text(SCRIPT.format(fails=fails))
    (tmp_path / "submit.py").write_text(SUBMIT)
    done = server.sdk_v3(tmp_path / "submit.py")
    client = server.boto("sagemaker")
    newest = client.list_training_jobs(NameContains="mpi-", SortBy="CreationTime", SortOrder="Descending", MaxResults=1)
    name = newest["TrainingJobSummaries"][0]["TrainingJobName"]
    lines = "\n".join(server.lines(name))
    if fails:
        assert done.returncode != 0
        assert "the second process has had enough" in lines
        assert "FailureReason" in client.describe_training_job(TrainingJobName=name)
        return
    assert done.returncode == 0, lines[-6000:]
    assert "sum 3 over ['algo-1', 'algo-2']" in lines
    assert "ssh gave 7 algo-2 wrong" in lines

"""The distributions of SDK v2's estimators over two hosts, and what their scripts import."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import RunningServer

SAGEWRIGHT = str(Path(sys.executable).parent / "sagewright")
SUBMIT = """
import json, sys, sagemaker
from sagemaker.pytorch import PyTorch
distribution, options = map(json.loads, sys.argv[1:])
PyTorch(entry_point="train.py", source_dir="code", role=sagemaker.get_execution_role(),
        framework_version="2.0.0", py_version="py310", distribution=distribution, **{"instance_count": 2, **options}).fit()
"""
DDP = """
import os, time, torch, torch.distributed as dist
{imports}
rank, size = dist.get_rank(), dist.get_world_size()
torch.manual_seed(rank)
model = {wrap}(torch.nn.Linear(3, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(5):
    optimizer.zero_grad()
    model(torch.randn(8, 3)).square().mean().backward()
    optimizer.step()
weights = torch.cat([p.detach().flatten() for p in model.parameters()])
seen = [torch.zeros_like(weights) for _ in range(size)]
dist.all_gather(seen, weights)
assert all(torch.equal(weights, other) for other in seen)
line = f"rank {{rank}} of {{size}} on {{os.uname().nodename}} has the same weights {{dist.get_backend()}}"
for turn in range(size):  # processes of one host share its output: their lines must not mix
    if turn == rank:
        os.write(1, line.encode() + b"\\n")
    dist.barrier()
time.sleep(1)  # gloo aborts a process whose peer goes while it is still in the barrier
dist.destroy_process_group()
"""
TORCH = 'dist.init_process_group("gloo")', "torch.nn.parallel.DistributedDataParallel"
SMDDP = (
    'import smdistributed.dataparallel.torch.torch_smddp\ndist.init_process_group("smddp")',
    "torch.nn.parallel.DistributedDataParallel",
)
FIRST_SMDDP = (
    "import smdistributed.dataparallel.torch.distributed as dist\n"
    "from smdistributed.dataparallel.torch.parallel.distributed import DistributedDataParallel as DDP\n"
    "dist.init_process_group()",
    "DDP",
)
MPI = (
    'os.environ.update(RANK=os.environ["OMPI_COMM_WORLD_RANK"], WORLD_SIZE=os.environ["OMPI_COMM_WORLD_SIZE"])\n'
    'dist.init_process_group("gloo")',
    "torch.nn.parallel.DistributedDataParallel",
)
P4 = {"instance_type": "ml.p4d.24xlarge"}
M5 = {"instance_type": "ml.m5.large"}


def train(
    server: RunningServer, place: Path, script: str, distribution: dict[str, Any], options: dict[str, Any]
) -> str:
    """Output of SDK v2 for a job that runs the script."""
    (place / "code").mkdir(exist_ok=True)
    (place / "code" / "train.py").write_text(script)
    (place / "submit.py").write_text(SUBMIT)
    done = server.sdk_v2(place / "submit.py", json.dumps(distribution), json.dumps(options))
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


@pytest.mark.sampled(1, of="trainings over hosts")
@pytest.mark.parametrize(
    ("distribution", "setup", "options", "backend"),
    [
        ({"torch_distributed": {"enabled": True}}, TORCH, P4, "gloo"),
        ({"pytorchddp": {"enabled": True}}, TORCH, P4, "gloo"),
        pytest.param(
            {"mpi": {"enabled": True, "processes_per_host": 2}},
            MPI,
            M5,
            "gloo",
            marks=pytest.mark.skipif(not shutil.which("mpirun"), reason="Open MPI is not installed"),
        ),
    ],
    ids=["torch_distributed", "pytorchddp", "mpi"],
)
def test_two_hosts_train_one_model(
    server: RunningServer,
    tmp_path: Path,
    distribution: dict[str, Any],
    setup: tuple[str, str],
    options: dict[str, Any],
    backend: str,
) -> None:
    imports, wrap = setup
    out = train(server, tmp_path, DDP.format(imports=imports, wrap=wrap), distribution, options)
    size = 4 if "mpi" in distribution else 2
    for rank in range(size):
        host = f"algo-{rank * 2 // size + 1}"
        assert f"rank {rank} of {size} on {host} has the same weights {backend}" in out


EXAMPLES = Path(__file__).parents[3] / "examples"


def fashion(server: RunningServer, schedule: str, epochs: int) -> str:
    done = server.sdk_v2(EXAMPLES / "ddp_spot.py", schedule, str(epochs))
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def until(found: Callable[[], Any], running: Future[str], timeout_s: float = 240) -> Any:
    """Returns the first true result of `found`; fails with the program's own failure if it ends before."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if running.done():
            raise AssertionError(running.result())
        if answer := found():
            return answer
        time.sleep(0.2)
    raise AssertionError("it took too long")


def _newest(client: Any) -> str | None:
    jobs = client.list_training_jobs(NameContains="fashion", SortOrder="Descending", MaxResults=1)
    names = [job["TrainingJobName"] for job in jobs["TrainingJobSummaries"]]
    return names[0] if names else None


def _checkpoint(server: RunningServer, name: str, seen: set[str]) -> str | None:
    """The newest checkpoint's ETag if it is not among the ones seen."""
    there = server.boto("s3").list_objects_v2(Bucket="fashion", Prefix=f"checkpoints/{name}/").get("Contents", [])
    return next((each["ETag"] for each in there if each["ETag"] not in seen), None)


def _interruptions(client: Any, name: str) -> int:
    steps = client.describe_training_job(TrainingJobName=name)["SecondaryStatusTransitions"]
    return [step["Status"] for step in steps].count("Interrupted")


needs_fashion = pytest.mark.skipif(
    not Path("/usr/share/datasets/fashion-mnist").is_dir(), reason="no dataset-fashion-mnist"
)


def interrupted(server: RunningServer, times: int, epochs: int) -> str:
    """Output of SDK v2 for a spot job that was interrupted that often, each time after a new checkpoint, and resumed."""
    client = server.boto("sagemaker")
    with ThreadPoolExecutor(1) as background:
        before = _newest(client)
        running = background.submit(fashion, server, "", epochs)
        name = until(lambda: (newest := _newest(client)) != before and newest, running)
        seen: set[str] = set()
        for count in range(1, times + 1):
            seen.add(until(lambda: _checkpoint(server, name, seen), running))
            argv = [SAGEWRIGHT, "jobs", "interrupt", name, "--data", str(server.data)]
            assert subprocess.run(argv, check=False).returncode == 0
            until(lambda count=count: _interruptions(client, name) == count, running)  # type: ignore[misc]
        out = running.result()
    job = client.describe_training_job(TrainingJobName=name)
    statuses = [step["Status"] for step in job["SecondaryStatusTransitions"]]
    assert statuses.count("Interrupted") == times, out
    assert job["TrainingJobStatus"] == "Completed"
    assert "Managed Spot Training savings: " in out
    lines = [line for line in server.lines(name) if line.startswith("rank 1 of 2 begins at step")]
    begun = [int(line.rpartition(" ")[2]) for line in lines]
    assert begun == sorted(begun)
    assert begun[0] == 0 < begun[-1]
    return out


@needs_fashion
def test_ddp_is_interrupted_and_goes_on(server: RunningServer) -> None:
    assert accuracy(interrupted(server, 1, 2)) > 0.75


@pytest.mark.soak
@pytest.mark.timeout(900)
@needs_fashion
def test_ddp_is_interrupted_three_times_and_learns_as_much(server: RunningServer) -> None:
    out = interrupted(server, 3, 10)
    assert abs(accuracy(out) - accuracy(fashion(server, "", 10))) < 0.01


def accuracy(out: str) -> float:
    return float(re.findall(r"test_accuracy=([0-9.]+)", out)[-1])


def shared_files() -> set[str]:
    """Files in the machine's shared memory, except those of programs beside these tests."""
    others = ("PostgreSQL.", "libpod_", "plasma", "sagewright-tests-", "pytest-of-")  # plasma: Ray's
    return {path.name for path in Path("/dev/shm").iterdir() if not path.name.startswith(others)}


SHARED = """
import os, time, torch, torch.distributed as dist
{imports}
rank = dist.get_rank()
other = dist.new_group(backend="gloo")
def train(wrap, **options):
    torch.manual_seed(0)
    model = wrap(torch.nn.Sequential(torch.nn.Linear(20, 300), torch.nn.Tanh(), torch.nn.Linear(300, 3)), **options)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    torch.manual_seed(rank)
    for _ in range(20):
        optimizer.zero_grad()
        model(torch.randn(8, 20)).square().mean().backward()
        optimizer.step()
    return torch.cat([p.detach().flatten() for p in model.parameters()])
ours, gloos = train({wrap}), train(torch.nn.parallel.DistributedDataParallel, process_group=other)
seen = [torch.zeros_like(ours) for _ in range(2)]
dist.all_gather(seen, ours, group=other)
assert torch.equal(*seen)
assert torch.allclose(ours, gloos, atol=1e-5)
group = dist.group.WORLD
host, shared = os.uname().nodename, os.listdir("/dev/shm")
os.write(1, f"rank {{rank}} on {{host}} trained by {{type(group).__name__}} {{dist.get_backend()}} {{shared}}\\n".encode())
dist.barrier()
time.sleep(1)  # as above
dist.destroy_process_group()
"""


SHARING = {"smdistributed": {"dataparallel": {"enabled": True}}}


@pytest.mark.sampled(1, of="trainings over hosts")
@pytest.mark.parametrize(
    "setup",
    [
        pytest.param(SMDDP, marks=pytest.mark.soak),
        FIRST_SMDDP,
    ],  # three hosts, below, go by the names of the second version
    ids=["smddp", "smddp-first-version"],
)
def test_hosts_of_one_machine_average_in_shared_memory(
    server: RunningServer, tmp_path: Path, setup: tuple[str, str]
) -> None:
    imports, wrap = setup
    before = shared_files()
    out = train(server, tmp_path, SHARED.format(imports=imports, wrap=wrap), SHARING, P4)
    for rank in (0, 1):
        assert f"rank {rank} on algo-{rank + 1} trained by SharedGroup smddp []" in out
    assert shared_files() <= before


SEVERAL = """
import runpy, time, torch.distributed as dist
import smdistributed.dataparallel.torch.torch_smddp
dist.init_process_group("smddp")
for program in {programs}:
    runpy.run_path(program)
dist.barrier()
time.sleep(1)  # gloo aborts a process whose peer goes while it is still connected
dist.destroy_process_group()
"""


@pytest.mark.timeout(400)
@pytest.mark.sampled(1, of="trainings over hosts")
def test_three_hosts_share_memory(server: RunningServer, tmp_path: Path) -> None:
    programs = ["smddp_collectives.py", "smddp_models.py"]
    (tmp_path / "code").mkdir()
    for program in programs:
        shutil.copy(Path(__file__).parents[1] / "programs" / program, tmp_path / "code")
    out = train(server, tmp_path, SEVERAL.format(programs=programs), SHARING, {**P4, "instance_count": 3})
    for name in ("collectives", "models"):
        for rank in range(3):
            assert f"{name} of rank {rank} are right" in out


LOST = """
import os, signal, time, torch, torch.distributed as dist
import smdistributed.dataparallel.torch.torch_smddp
dist.init_process_group("smddp")
model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(20, 3))
for step in range(100):
    loss = model(torch.randn(8, 20)).square().mean()
    if step == 50 and dist.get_rank() == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    loss.backward()
"""


@pytest.mark.sampled(1, of="trainings over hosts")
def test_a_process_that_is_killed_fails_the_job_with_its_hosts_name(server: RunningServer, tmp_path: Path) -> None:
    before = shared_files()
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "train.py").write_text(LOST)
    (tmp_path / "submit.py").write_text(SUBMIT)
    arguments = json.dumps(SHARING), json.dumps(P4)
    done = server.sdk_v2(tmp_path / "submit.py", *arguments)
    assert done.returncode != 0
    out = done.stdout + done.stderr
    assert "smddp: process 1 on algo-2 has ended while process 0 on algo-1 waits for it." in out
    (name,) = {*re.findall(r"pytorch-training-[-\d]+\d", out)}
    job = server.boto("sagemaker").describe_training_job(TrainingJobName=name)
    assert job["TrainingJobStatus"] == "Failed"
    assert re.match(r"AlgorithmError: algo-[12]: ", job["FailureReason"]), job["FailureReason"]
    assert shared_files() <= before

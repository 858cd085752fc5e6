"""The commands of the distributed launchers."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from sagewright.toolkit.config import JobConfig
from sagewright.toolkit.launchers import command_of, leads_mpi, serves_mpi, variables_of


def config(root: Path, hosts: int, current: int, gpus: int = 0, **given: object) -> JobConfig:
    directory = root / "input" / "config"
    directory.mkdir(parents=True)
    names = [f"algo-{number}" for number in range(1, hosts + 1)]
    (directory / "resourceconfig.json").write_text(json.dumps({"hosts": names, "current_host": names[current - 1]}))
    values = {"sagemaker_program": "train.py", **given}
    encoded = {key: json.dumps(value) for key, value in values.items()}
    (directory / "hyperparameters.json").write_text(json.dumps(encoded))
    return JobConfig(root, {"SAGEWRIGHT_GPUS": str(gpus)})


@pytest.mark.parametrize("name", ["sagemaker_torch_distributed_enabled", "sagemaker_pytorch_ddp_enabled"])
def test_torchrun_on_one_host(tmp_path: Path, name: str) -> None:
    command = command_of(config(tmp_path, 1, 1, gpus=4, **{name: True}), ["--a", "1"])

    assert command == [
        sys.executable, "-m", "torch.distributed.run", "--nnodes=1", "--nproc_per_node=4", "train.py", "--a", "1",
    ]  # fmt: skip


def test_torchrun_on_several_hosts_meets_at_the_first(tmp_path: Path) -> None:
    command = command_of(config(tmp_path, 12, 11, sagemaker_torch_distributed_enabled=True), [])

    assert command[3:] == [
        "--nnodes=12", "--nproc_per_node=1", "--master_addr=algo-1", "--master_port=7777", "--node_rank=10", "train.py",
    ]  # fmt: skip


def test_mpirun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _name: "/usr/bin/mpirun")
    given = {
        "sagemaker_mpi_enabled": True,
        "sagemaker_mpi_num_of_processes_per_host": 3,
        "sagemaker_mpi_custom_mpi_options": "-x A='b c'",
    }
    command = command_of(config(tmp_path, 1, 1, **given), [])

    assert command[:3] == ["/usr/bin/mpirun", "-np", "3"]
    assert command[-4:] == ["-x", "A=b c", sys.executable, "train.py"]


def test_mpirun_over_several_hosts_is_the_first_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _name: "/usr/bin/mpirun")
    given = {"sagemaker_mpi_enabled": True, "sagemaker_mpi_num_of_processes_per_host": 2}
    first, second = config(tmp_path / "1", 2, 1, **given), config(tmp_path / "2", 2, 2, **given)

    assert command_of(first, [])[:5] == ["/usr/bin/mpirun", "--host", "algo-1:2,algo-2:2", "-np", "4"]
    assert (leads_mpi(first), serves_mpi(first)) == (True, False)
    assert (leads_mpi(second), serves_mpi(second)) == (False, True)


def test_hosts_outside_of_the_distributions_groups_run_the_script_alone(tmp_path: Path) -> None:
    given = {"sagemaker_torch_distributed_enabled": True, "sagemaker_distribution_instance_groups": ["back"]}
    groups = [
        {"instance_group_name": "front", "hosts": ["algo-1"]},
        {"instance_group_name": "back", "hosts": ["algo-2", "algo-3"]},
    ]
    jobs = [config(tmp_path / str(number), 3, number, **given) for number in (1, 3)]
    for job in jobs:
        job.resources["instance_groups"] = groups

    assert command_of(jobs[0], []) == [sys.executable, "train.py"]
    assert command_of(jobs[1], [])[3:] == [
        "--nnodes=2", "--nproc_per_node=1", "--master_addr=algo-2", "--master_port=7777", "--node_rank=1", "train.py",
    ]  # fmt: skip


def test_parameter_servers_are_told_by_tf_config(tmp_path: Path) -> None:
    described = variables_of(config(tmp_path, 3, 3, sagemaker_parameter_server_enabled=True))

    assert json.loads(described["TF_CONFIG"]) == {
        "cluster": {
            "master": ["algo-1:2222"],
            "ps": ["algo-1:2223", "algo-2:2223", "algo-3:2223"],
            "worker": ["algo-2:2222", "algo-3:2222"],
        },
        "task": {"type": "worker", "index": 1},
    }


@pytest.mark.parametrize(
    ("program", "files", "command"),
    [
        ("run.sh", ["run.sh"], ["/bin/sh", "-c", "./run.sh --a '1 2'"]),
        ("run", ["run", "run.py"], ["/bin/sh", "-c", "./run --a '1 2'"]),
        ("run", ["run.py"], [sys.executable, "run.py", "--a", "1 2"]),
        ("run", ["run.py", "setup.py"], [sys.executable, "-m", "run", "--a", "1 2"]),
        ("run", [], [sys.executable, "run", "--a", "1 2"]),
        ("run.py", ["run.py"], [sys.executable, "run.py", "--a", "1 2"]),
    ],
)
def test_how_an_entry_point_runs(tmp_path: Path, program: str, files: list[str], command: list[str]) -> None:
    (tmp_path / "code").mkdir()
    for name in files:
        (tmp_path / "code" / name).touch()
    assert command_of(config(tmp_path, 1, 1, sagemaker_program=program), ["--a", "1 2"]) == command

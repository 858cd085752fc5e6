"""From the job's configuration to the command that starts the script: alone, or under a distributed launcher."""

from __future__ import annotations

import json
import sys

from sagewright.toolkit.config import JobConfig, module_name
from sagewright.toolkit.errors import FrameworkError

MASTER_PORT = 7777
_UNSUPPORTED = {
    "distributed_dataparallel": "smdistributed.dataparallel: AWS's library is not published; use torch_distributed",
    "parameter_server": "the parameter server launcher is not supported yet; use multi_worker_mirrored_strategy",
    "pytorch_xla_multi_worker": "pytorch_xla: the launcher for AWS Trainium is not supported",
}


def command_of(config: JobConfig, arguments: list[str]) -> list[str]:
    """The argv that runs the user's entry point with `arguments`. Raises FrameworkError."""
    if not config.program:
        raise FrameworkError("The hyperparameter sagemaker_program is missing: it names the script to run.")
    for name, reason in _UNSUPPORTED.items():
        if config.enabled(name):
            raise FrameworkError(f"This distribution cannot be given: {reason}.")
    if config.enabled("torch_distributed") or config.enabled("pytorch_ddp"):
        return [*_torchrun(config), *_script(config), *arguments]
    if config.enabled("mpi"):
        return [*_mpirun(config), *_mpi_script(config), *arguments]
    if config.program.endswith(".sh"):
        import shlex

        words = [f"./{config.program}", *(shlex.quote(argument) for argument in arguments)]
        return ["/bin/sh", "-c", " ".join(words)]
    return [sys.executable, *_script(config), *arguments]


def variables_of(config: JobConfig) -> dict[str, str]:
    """Further variables that a distribution needs."""
    if not config.enabled("multi_worker_mirrored_strategy"):
        return {}
    workers = [f"{host}:8890" for host in config.hosts]
    task = {"type": "worker", "index": config.hosts.index(config.host)}
    return {"TF_CONFIG": json.dumps({"cluster": {"worker": workers}, "task": task})}


def is_package(config: JobConfig) -> bool:
    return (config.code / "setup.py").is_file() and not config.program.endswith(".sh")


def _script(config: JobConfig) -> list[str]:
    return ["-m", module_name(config.program)] if is_package(config) else [config.program]


def _torchrun(config: JobConfig) -> list[str]:
    """One process a GPU, or one a host where there is none."""
    hosts = config.hosts
    options = [f"--nnodes={len(hosts)}", f"--nproc_per_node={config.gpus or 1}"]
    if len(hosts) > 1:
        rank = hosts.index(config.host)
        options += [f"--master_addr={hosts[0]}", f"--master_port={MASTER_PORT}", f"--node_rank={rank}"]
    return [sys.executable, "-m", "torch.distributed.run", *options]


def _mpirun(config: JobConfig) -> list[str]:
    if len(config.hosts) > 1:
        raise FrameworkError("MPI over several hosts is not supported yet; use torch_distributed.")
    import shlex
    import shutil

    mpirun = shutil.which("mpirun")
    if mpirun is None:
        raise FrameworkError("MPI needs the program mpirun (Open MPI), which is not on this machine.")
    processes = int(config.reserved.get("sagemaker_mpi_num_of_processes_per_host") or config.gpus or 1)
    custom = shlex.split(str(config.reserved.get("sagemaker_mpi_custom_mpi_options") or ""))
    return [mpirun, "-np", str(processes), "--allow-run-as-root", "--oversubscribe", "--bind-to", "none", *custom]


def _mpi_script(config: JobConfig) -> list[str]:
    return [sys.executable, *_script(config)]

"""The command that starts the script, derived from the job's configuration: alone, or under a distributed launcher."""

from __future__ import annotations

import json
import sys

from sagewright.toolkit.config import JobConfig, module_name
from sagewright.toolkit.errors import FrameworkError

MASTER_PORT = 7777
_BY_TORCHRUN = ("torch_distributed", "pytorch_ddp", "distributed_dataparallel")
_UNSUPPORTED = {
    "pytorch_xla_multi_worker": "pytorch_xla: the launcher for AWS Trainium is not supported",
}


def command_of(config: JobConfig, arguments: list[str]) -> list[str]:
    """Returns the argv that runs the user's entry point with `arguments`. Raises FrameworkError."""
    if not config.program:
        raise FrameworkError("The hyperparameter sagemaker_program is missing: it names the script to run.")
    for name, reason in _UNSUPPORTED.items():
        if config.enabled(name):
            raise FrameworkError(f"This distribution cannot be given: {reason}.")
    distributed = config.host in config.distribution_hosts
    if distributed and any(config.enabled(name) for name in _BY_TORCHRUN):
        return [*_torchrun(config), *_script(config), *arguments]
    if distributed and config.enabled("mpi"):
        return [*_mpirun(config), *_mpi_script(config), *arguments]
    if is_command(config):
        import shlex

        words = [f"./{config.program}", *(shlex.quote(argument) for argument in arguments)]
        return ["/bin/sh", "-c", " ".join(words)]
    return [sys.executable, *_script(config), *arguments]


def variables_of(config: JobConfig) -> dict[str, str]:
    """Returns additional variables of a distribution."""
    if config.enabled("multi_worker_mirrored_strategy"):
        cluster = {"worker": [f"{host}:8890" for host in config.hosts]}
        return _tf_config(cluster, "worker", config.hosts.index(config.host))
    if config.enabled("parameter_server") and len(config.hosts) > 1:
        first, *others = config.hosts
        servers = [f"{host}:2223" for host in config.hosts]
        cluster = {"master": [f"{first}:2222"], "ps": servers, "worker": [f"{host}:2222" for host in others]}
        if config.host == first:
            return _tf_config(cluster, "master", 0)
        return _tf_config(cluster, "worker", others.index(config.host))
    return {}


def leads_mpi(config: JobConfig) -> bool:
    """Returns True if this host starts the processes of all."""
    return config.enabled("mpi") and config.host == config.distribution_hosts[0]


def serves_mpi(config: JobConfig) -> bool:
    """Returns True if the first host starts this one's processes."""
    return config.enabled("mpi") and config.host in config.distribution_hosts[1:]


def _tf_config(cluster: dict[str, list[str]], kind: str, index: int) -> dict[str, str]:
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})}


def is_command(config: JobConfig) -> bool:
    """Returns True if a shell runs the entry point, because it is neither a Python file nor a module of a package."""
    plain = not config.program.endswith(".py") and (config.code / config.program).is_file()
    return config.program.endswith(".sh") or (plain and not is_package(config))


def is_package(config: JobConfig) -> bool:
    return (config.code / "setup.py").is_file() and not config.program.endswith(".sh")


def _script(config: JobConfig) -> list[str]:
    """Returns the script's command. Images that import the entry point as a module (AWS's XGBoost) accept its name without the
    suffix."""
    if is_package(config):
        return ["-m", module_name(config.program)]
    named = (config.code / config.program).exists() or not (config.code / f"{config.program}.py").is_file()
    return [config.program if named else f"{config.program}.py"]


def _torchrun(config: JobConfig) -> list[str]:
    """Starts one process per GPU, or one per host without GPUs."""
    hosts = config.distribution_hosts
    options = [f"--nnodes={len(hosts)}", f"--nproc_per_node={config.gpus or 1}"]
    if len(hosts) > 1:
        rank = hosts.index(config.host)
        options += [f"--master_addr={hosts[0]}", f"--master_port={MASTER_PORT}", f"--node_rank={rank}"]
    return [sys.executable, "-m", "torch.distributed.run", *options]


def _mpirun(config: JobConfig) -> list[str]:
    """Runs on the first host; `sagewright.toolkit.remote` starts the daemons of the others."""
    import shlex
    import shutil

    mpirun = shutil.which("mpirun")
    if mpirun is None:
        raise FrameworkError(
            "MPI needs the program mpirun (Open MPI), which is not on this machine. On Debian: apt-get install openmpi-bin."
        )
    hosts = config.distribution_hosts
    processes = int(config.reserved.get("sagemaker_mpi_num_of_processes_per_host") or config.gpus or 1)
    custom = shlex.split(str(config.reserved.get("sagemaker_mpi_custom_mpi_options") or ""))
    places = ["--host", ",".join(f"{host}:{processes}" for host in hosts)] if len(hosts) > 1 else []
    total = processes * len(hosts)
    options = ["--allow-run-as-root", "--oversubscribe", "--bind-to", "none"]
    return [mpirun, *places, "-np", str(total), *options, *_mpi_variables(config), *custom]


def _mpi_variables(config: JobConfig) -> list[str]:
    """Passes the first host's variables to processes of other hosts, except those that identify the host."""
    if len(config.distribution_hosts) == 1:
        return []
    interface = str(config.resources.get("network_interface_name", "lo"))
    networks = ["--mca", "btl_tcp_if_include", interface] if interface != "lo" else []
    return [*networks, "-x", "PYTHONPATH", "-x", "MASTER_ADDR", "-x", "MASTER_PORT"]


def mpi_environ(config: JobConfig) -> dict[str, str]:
    """Returns variables by which Open MPI 4 and 5 reach the other hosts, and torch's processes find each other."""
    agent = f"{sys.executable} -m sagewright.toolkit.remote"
    return {
        "OMPI_MCA_plm_rsh_agent": agent,
        "PRTE_MCA_plm_ssh_agent": agent,
        "OMPI_MCA_plm_rsh_no_tree_spawn": "1",
        "PRTE_MCA_plm_ssh_no_tree_spawn": "1",
        "MASTER_ADDR": config.distribution_hosts[0],
        "MASTER_PORT": str(MASTER_PORT if len(config.distribution_hosts) > 1 else _free_port()),
    }


def _free_port() -> int:
    """Returns a free port: a job of one host shares the machine's ports with other jobs."""
    import socket

    with socket.socket() as found:
        found.bind(("", 0))
        return int(found.getsockname()[1])


def _mpi_script(config: JobConfig) -> list[str]:
    return [sys.executable, *_script(config)]

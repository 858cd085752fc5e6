"""Trains one model on several hosts with XGBoost's collective."""

from __future__ import annotations

from typing import Any, Callable

from sagewright.algorithms.xgboost.cluster import Host, joined

from sagemaker_containers import entry_point
from sagemaker_training.environment import Environment


def wait_hostname_resolution(sm_hosts: list[str]) -> None:  # noqa: ARG001 - the toolkit's parameter
    """Waits until every host of the job has an address."""
    entry_point._wait_hostname_resolution()


def rabit_run(
    exec_fun: Callable[..., Any],
    args: dict[str, Any],
    include_in_training: bool,
    hosts: list[str],
    current_host: str,
    update_rabit_args: bool = False,
    **_ports: Any,
) -> None:
    """Calls `exec_fun(**args)` on the hosts that are included, as members of one collective.

    With `update_rabit_args` it also receives `is_master`, True on the first of them. Hosts without data are left out. The toolkit's
    arguments for ports and connection attempts are ignored: both are determined here.
    """
    here = Host(Environment().job_name, tuple(hosts), current_host)
    with joined(here, include_in_training, "No host has data to train on.") as member:
        if member is not None:
            exec_fun(**({**args, "is_master": member.rank == 0} if update_rabit_args else args))

"""Several hosts that train one model with XGBoost's collective."""

from __future__ import annotations

from typing import Any, Callable

from sagewright.algorithms.xgboost.cluster import Host, joined

from sagemaker_containers import entry_point
from sagemaker_training.environment import Environment


def wait_hostname_resolution(sm_hosts: list[str]) -> None:  # noqa: ARG001 - the toolkit's parameter
    """Until every host of the job has an address."""
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
    """Call `exec_fun(**args)` on the hosts that are included, as members of one collective.

    With `update_rabit_args` it also gets `is_master`: whether it is the first of them. Hosts that have no data are left out.
    Ports and attempts to connect, which the toolkit takes, are found here.
    """
    here = Host(Environment().job_name, tuple(hosts), current_host)
    with joined(here, include_in_training, "No host has data to train on.") as member:
        if member is not None:
            exec_fun(**({**args, "is_master": member.rank == 0} if update_rabit_args else args))

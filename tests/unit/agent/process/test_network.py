"""Hosts that have a machine each."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import psutil
import pytest

from sagewright.agent.hostfile import HostFile, read_host_file
from sagewright.agent.process.network import open_network
from sagewright.model.jobs.brief import Brief, Program
from sagewright.sandbox.namespace import NetworkFailed

CREDENTIALS = {"access_key_id": "a", "secret_access_key": "s", "session_token": "t"}


def host_at(directory: Path, address: str) -> HostFile:
    document = {
        "host_id": "id", "host": "algo-2", "hosts": ["algo-1", "algo-2"], "attempt": 1,
        "brief": Brief("training", "job", "arn", Program("none"), [], "r").document(),
        "network": "machines",
        "addresses": {"algo-1": "192.0.2.1", "algo-2": address}, "endpoint": "http://127.0.0.1:1", "token": "t",
        "region": "r", "account": "0", "log_stream": "s", "environments": str(directory),
        "credentials": CREDENTIALS,
        "objects": {"endpoint": "http://127.0.0.1:1", "region": "r", "credentials": CREDENTIALS, "patience_s": None},
        "framework_versions": "nearest", "sandbox": "auto", "cpus": 1, "memory_gb": 1, "gpus": 0, "stop_grace_s": 1,
        "max_runtime_s": 60, "warnings": [],
    }  # fmt: skip
    (directory / "host.json").write_text(json.dumps(document))
    return read_host_file(directory)


def test_hosts_on_machines_of_their_own_use_the_machines_addresses(tmp_path: Path) -> None:
    own = [
        (name, found.address)
        for name, addresses in psutil.net_if_addrs().items()
        for found in addresses
        if found.family == socket.AF_INET and not found.address.startswith("127.")
    ]
    for name, address in [("lo", "127.0.0.5"), *own[:1]]:
        network = open_network(host_at(tmp_path, address), possible=True, check=lambda: None)
        assert (network.interface, network.addresses["algo-2"], network.enter) == (name, address, [])
        assert not network.warning


def test_an_address_that_is_not_this_machines(tmp_path: Path) -> None:
    with pytest.raises(NetworkFailed, match=r"192\.0\.2\.77, by which"):
        open_network(host_at(tmp_path, "192.0.2.77"), possible=True, check=lambda: None)

"""Memory that the hosts of a job share."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from agent.process.test_network import host_at
from sagewright.agent.hostfile import HostFile
from sagewright.agent.process.memory import open_memory


def gang(directory: Path, memory_gb: int) -> list[HostFile]:
    (directory / "algo-1").mkdir()
    (directory / "algo-2").mkdir()
    one = replace(host_at(directory, "127.0.0.5"), network="auto", memory_gb=memory_gb)
    return [replace(one, host=name, directory=directory / name) for name in ("algo-1", "algo-2")]


@pytest.mark.parametrize(("memory_gb", "size_mb"), [(1, 256), (64, 512)])
def test_hosts_share_one_file_of_a_fixed_size_and_no_name(tmp_path: Path, memory_gb: int, size_mb: int) -> None:
    opened = [open_memory(host, possible=True, check=lambda: None) for host in gang(tmp_path, memory_gb)]
    first, second = (memory.descriptor for memory in opened)
    assert first is not None
    assert second is not None
    assert os.path.sameopenfile(first, second)
    found = os.fstat(second)
    assert (found.st_size, found.st_nlink, found.st_blocks) == (size_mb << 20, 0, 0)
    with pytest.raises(PermissionError):
        os.ftruncate(second, 1 << 40)
    for memory in opened:
        memory.close()


def test_hosts_of_several_machines_and_containers_share_none(tmp_path: Path) -> None:
    host = gang(tmp_path, 1)[0]
    assert open_memory(replace(host, network="machines"), possible=True, check=lambda: None).descriptor is None
    assert open_memory(host, possible=False, check=lambda: None).descriptor is None


def test_a_first_host_that_is_gone_leaves_none(tmp_path: Path) -> None:
    (tmp_path / "memory.json").write_text('{"pid": 4194304, "descriptor": 5}')
    assert open_memory(gang(tmp_path, 1)[1], possible=True, check=lambda: None).descriptor is None

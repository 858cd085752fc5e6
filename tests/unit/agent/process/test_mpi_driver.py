"""Whether a job runs SDK v3's MPI driver, and what it gets then."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from agent.process.test_memory import gang
from sagewright.agent.errors import ClientError
from sagewright.agent.process.mpi_driver import stand_ins, uses_mpi_driver
from sagewright.sandbox.bwrap import BwrapSandbox
from sagewright.sandbox.plain import PlainSandbox


@pytest.mark.parametrize(("driver", "uses"), [("mpi_driver.py", True), ("torchrun_driver.py", False)])
@pytest.mark.parametrize("place", ["inputs/input/data/sm_drivers", "ml/input/data/sm_drivers"])
def test_the_script_says_which_driver_runs(tmp_path: Path, driver: str, uses: bool, place: str) -> None:
    host = gang(tmp_path, 1)[0]
    assert not uses_mpi_driver(host)
    (host.directory / place).mkdir(parents=True)
    (host.directory / place / "sm_train.sh").write_text(f"python /opt/ml/input/data/sm_drivers/{driver}")
    assert uses_mpi_driver(host) is uses


def test_what_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = gang(tmp_path, 1)[0]
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(ClientError, match="apt-get install openmpi-bin"):
        stand_ins(host, PlainSandbox(), own_network=True)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    with pytest.raises(ClientError, match="SDK v3's MPI driver needs a sandbox where programs of ours"):
        stand_ins(host, PlainSandbox(), own_network=True)
    monkeypatch.undo()
    if shutil.which("mpirun") and (bwrap := BwrapSandbox(tmp_path)).declare()["stand_in_programs"].given:
        with pytest.raises(ClientError, match="port 22 on each host"):
            stand_ins(host, bwrap, own_network=False)
        assert sorted(file.name for file in stand_ins(host, bwrap, own_network=True).iterdir()) == ["ssh", "sshd"]

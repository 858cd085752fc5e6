"""The agent of a cell, without a server that keeps them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from agent.double import Double, host_document
from agent.test_host import entry

MAKE = """
import socket, sys
from pathlib import Path
from sagewright.agent import zygote
from sagewright.agent.cells.keeper import CellDirectory
from sagewright.agent.cells.kinds import CellKind
own, theirs = socket.socketpair()
own.sendall(sys.argv[2].encode())
own.close()
zygote._become_cell(CellDirectory(CellKind.of("algo-1", Path("/none"), Path("/none"), (Path("/none"),)), Path(sys.argv[1]), theirs))
"""


def test_a_job_that_gets_a_sandbox_that_can_not_be_made_gets_another(double: Double, tmp_path: Path) -> None:
    cell, directory = tmp_path / "cell-0", tmp_path / "h1"
    cell.mkdir()
    directory.mkdir()
    (directory / "host.json").write_text(json.dumps(host_document(double, request=entry("print('done')"))))
    described = json.dumps({"directory": str(directory)}) + "\n"
    done = subprocess.run(
        [sys.executable, "-c", MAKE, str(cell), described], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "cannot prepare a sandbox" in done.stderr
    assert "done" in double.lines("h1")
    assert double.of("h1", "exited") == [{"code": 0, "cause": "exit", "failure": None}]
    assert not cell.exists()

"""The files of the machine's /etc that a sandbox by bubblewrap shows are as fixed as the rest of the system."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_sandbox import SANDBOXES, Run, environment

__all__ = ["environment"]


@pytest.mark.parametrize("name", [name for name in SANDBOXES if name.startswith("bwrap")])
def test_no_part_of_the_machines_etc_can_be_changed_replaced_or_uncovered(
    name: str, tmp_path: Path, environment: Path
) -> None:
    sandbox = SANDBOXES[name](tmp_path)
    run = Run(sandbox, tmp_path / "host", environment)
    script = """
import os, subprocess
parts = sorted(os.listdir("/etc"))
assert {"passwd", "group", "hosts", "hostname", "ssl"} <= set(parts), parts
changed = []
for name in parts:
    path = "/etc/" + name
    if os.path.islink(path):
        continue
    tries = {
        "written": lambda: open(path + "/made" if os.path.isdir(path) else path, "a"),
        "renamed": lambda: os.rename(path, "/etc/other"),
        "closed": lambda: os.chmod(path, 0o700),
        "uncovered": lambda: subprocess.run(["umount", path], check=True, capture_output=True),
        "opened": lambda: subprocess.run(["mount", "-o", "remount,bind,rw", path], check=True, capture_output=True),
    }
    for what, act in tries.items():
        try:
            act()
            changed.append((what, path))
        except (OSError, subprocess.CalledProcessError):
            pass
print(changed)
open("/etc/made", "w").write("the job's own")
print(open("/etc/made").read())
"""
    try:
        said = run(script)
    finally:
        sandbox.close(tmp_path / "host")
    assert said.splitlines() == ["[]", "the job's own"]
    assert not Path("/etc/made").exists()

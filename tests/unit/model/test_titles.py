"""Titles of processes, as `ps` and `sagewright down` find them."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
from pathlib import Path
from sagewright.model import titles
titles.show(titles.SERVER, data=Path("/a/longer/directory"))
print(Path("/proc/self/cmdline").read_text().strip("\\0 "))
"""


def test_a_title_is_set_though_the_first_variable_is_the_data_directory() -> None:
    """The title takes the place of arguments and variables, which is found from the first variable."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={"SAGEWRIGHT_DATA": "relative", "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "sagewright: server [/a/longer/directory]"

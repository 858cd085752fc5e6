"""Titles of processes, as `ps` and `sagewright down` find them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from sagewright.model import titles

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


def test_a_process_is_found_by_any_path_of_its_data_directory(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "data")
    program = (
        "import sys; from pathlib import Path; from sagewright.model import titles\n"
        f"titles.show(titles.SERVER, data=Path({str(tmp_path / 'data')!r})); print(flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        for data in (tmp_path / "data", tmp_path / "link", tmp_path / "data" / ".." / "data"):
            assert [one.pid for one in titles.running(data)] == [process.pid], data
        assert titles.running(tmp_path) == []
        process.communicate()

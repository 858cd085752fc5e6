"""Processes that wait to become kernels: used where a new process would be the same, and only there."""

from __future__ import annotations

import json
import os
import py_compile
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sagewright.toolkit.apps.waiting_kernel import LAUNCHER
from sagewright.toolkit.apps.warm_kernels import WarmKernels

OPTIONS = ["-Xfrozen_modules=off"]
KERNEL = """
import json, os, sys
if __name__ == "__main__":
    found = {"folder": os.getcwd(), "arguments": sys.argv[1:], "first": sys.path[0], "session": os.environ.get("JPY_SESSION_NAME"),
             "parent": os.environ["JPY_PARENT_PID"], "pid": os.getpid(), "options": sys._xoptions}
    open(sys.argv[2], "w").write(json.dumps(found))
"""
started: list[list[str]] = []


def plain(command: list[str], **given: Any) -> subprocess.Popen[bytes]:
    """Starts a kernel as jupyter_client does."""
    started.append(command)
    env = {**given.pop("env"), "JPY_PARENT_PID": str(os.getpid())}
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, env=env, **given)


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of packages with a launcher of kernels, on the path of this process and of those it starts."""
    folder = tmp_path / "packages"
    folder.mkdir()
    (folder / f"{LAUNCHER}.py").write_text(KERNEL)
    py_compile.compile(str(folder / f"{LAUNCHER}.py"))  # its folder does not change in the tests
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), str(Path(__file__).parents[4] / "src")]))
    own = Path(__file__).parents[4]
    kept = [one for one in sys.path if not Path(one).is_relative_to(own / "tests") and Path(one) != own]
    monkeypatch.setattr(sys, "path", [str(folder), *kept])  # files of tests that run at the same time are no packages
    started.clear()
    return folder


@pytest.fixture
def kernels(packages: Path) -> Iterator[WarmKernels]:
    made = WarmKernels(plain)
    yield made
    made.close()


def waiting(kernels: WarmKernels) -> WarmKernels:
    """Starts a process that waits, in the test itself: pytest changes a variable before each."""
    kernels.prepare(OPTIONS)
    return kernels


def become(
    kernels: WarmKernels, place: Path, *, options: list[str] = OPTIONS, change: dict[str, str] | None = None
) -> dict[str, Any]:
    """Returns what a kernel says of itself."""
    report = place / "report.json"
    report.unlink(missing_ok=True)
    command = [sys.executable, *options, "-m", LAUNCHER, "-f", str(report)]
    environment = {**os.environ, "JPY_SESSION_NAME": "a.ipynb", "VIRTUAL_ENV": "/v", **(change or {})}
    process = kernels.launch(command, env=environment, cwd=str(place))
    assert process.wait(60) == 0
    found: dict[str, Any] = json.loads(report.read_text())
    assert found["pid"] == process.pid
    return found


def test_the_waiting_process_becomes_what_a_new_one_would_be(kernels: WarmKernels, tmp_path: Path) -> None:
    waited, new = become(waiting(kernels), tmp_path), become(WarmKernels(plain), tmp_path)
    assert len(started) == 1
    assert waited.pop("pid") != new.pop("pid")
    assert waited.pop("first") == ""
    assert new.pop("first") in {"", str(tmp_path)}  # the launcher removes both
    assert waited == new


def test_only_one_kernel_gets_it(kernels: WarmKernels, tmp_path: Path) -> None:
    become(waiting(kernels), tmp_path)
    assert not started
    become(kernels, tmp_path)
    assert len(started) == 1
    become(waiting(kernels), tmp_path)
    assert len(started) == 1


def test_packages_installed_since_are_seen(kernels: WarmKernels, packages: Path, tmp_path: Path) -> None:
    waiting(kernels)
    (packages / "added.pth").write_text("")
    become(kernels, tmp_path)
    assert len(started) == 1


@pytest.mark.parametrize("change", [{"OMP_NUM_THREADS": "1"}, {"PYTHONPATH": "/other"}])
def test_another_environment_gets_a_process_of_its_own(
    kernels: WarmKernels, packages: Path, tmp_path: Path, change: dict[str, str]
) -> None:
    become(
        waiting(kernels), tmp_path, change={name: f"{value}{os.pathsep}{packages}" for name, value in change.items()}
    )
    assert len(started) == 1


def test_other_options_leave_it_waiting(kernels: WarmKernels, tmp_path: Path) -> None:
    become(waiting(kernels), tmp_path, options=[])
    assert len(started) == 1
    become(kernels, tmp_path)
    assert len(started) == 1


def test_one_that_ended_is_replaced_by_a_new_process(kernels: WarmKernels, tmp_path: Path) -> None:
    waiting(kernels).close()
    become(kernels, tmp_path)
    assert len(started) == 1


def test_it_ends_with_the_process_that_started_it(packages: Path) -> None:
    command = [sys.executable, "-m", "sagewright.toolkit.apps.waiting_kernel"]
    ended = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, timeout=60, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")

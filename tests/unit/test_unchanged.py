"""Suites in environments of their own run again once something that they reach has changed."""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    return load("unchanged")


@pytest.fixture
def project(tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose suite `one` imports `sagewright.near`, which starts `sagewright.far`; nothing imports `other`."""
    texts = {
        "tests/one/test_a.py": "import sagewright.near.module",
        "tests/one/data.txt": "data",
        "src/sagewright/near/module.py": 'COMMAND = ["python", "-m", "sagewright.far"]',
        "src/sagewright/far/__init__.py": '"""Unlike sagewright.other."""',
        "src/sagewright/far/table.json": "{}",
        "src/sagewright/other/__init__.py": "",
        "environment/lib/python3.11/site-packages/torch-2.0.dist-info/METADATA": "",
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setitem(tool.SUITES, "one", tool.Suite(("tests/one",), "environment"))
    for name in (tool.ALL, "MAKEFLAGS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def runs(tool: ModuleType, project: Path, code: str = "") -> bool:
    """Whether the suite, which ends as `code` does, was run."""
    program = f"open('ran', 'w').close(); {code}"
    tool.run("one", [sys.executable, "-c", program], project)
    ran = project / "ran"
    there = ran.exists()
    ran.unlink(missing_ok=True)
    return there


def test_a_suite_that_passed_runs_once(tool: ModuleType, project: Path) -> None:
    assert runs(tool, project)
    assert not runs(tool, project)


@pytest.mark.parametrize(
    "changed",
    ["tests/one/test_a.py", "tests/one/data.txt", "src/sagewright/near/module.py", "src/sagewright/far/table.json"],
)
def test_it_runs_when_what_it_reaches_has_changed(tool: ModuleType, project: Path, changed: str) -> None:
    assert runs(tool, project)
    with (project / changed).open("a") as file:
        file.write("\n")
    assert runs(tool, project)
    assert not runs(tool, project)


def test_it_runs_when_its_environment_has_changed(tool: ModuleType, project: Path) -> None:
    assert runs(tool, project)
    (project / "environment/lib/python3.11/site-packages/numpy-2.0.dist-info").mkdir()
    assert runs(tool, project)


def test_the_rest_of_the_project_makes_no_difference(tool: ModuleType, project: Path) -> None:
    assert runs(tool, project)
    (project / "src/sagewright/other/__init__.py").write_text("x = 1")
    (project / "tests/one/__pycache__").mkdir()
    (project / "tests/one/__pycache__/test_a.pyc").write_bytes(b"x")
    assert not runs(tool, project)


def test_a_failure_is_no_pass(tool: ModuleType, project: Path) -> None:
    assert tool.run("one", [sys.executable, "-c", "raise SystemExit(3)"], project) == 3
    assert runs(tool, project)


@pytest.mark.parametrize("flags", ["n", "nj2 --jobserver-auth=3,4 -- WORKERS=2", "kt"])
def test_what_make_only_prints_is_no_pass(
    tool: ModuleType, project: Path, monkeypatch: pytest.MonkeyPatch, flags: str
) -> None:
    monkeypatch.setenv("MAKEFLAGS", flags)
    runs(tool, project)
    monkeypatch.setenv("MAKEFLAGS", "k -j2 --no-print-directory -- NAME=n")
    assert runs(tool, project)
    assert not runs(tool, project)


def test_what_changed_while_it_ran_was_not_tested(tool: ModuleType, project: Path) -> None:
    assert runs(tool, project, "open('tests/one/data.txt', 'a').write('x')")
    assert runs(tool, project)


def test_it_runs_when_all_are_asked_for_and_after_a_week(
    tool: ModuleType, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert runs(tool, project)
    monkeypatch.setenv(tool.ALL, "1")
    assert runs(tool, project)
    monkeypatch.delenv(tool.ALL)
    (kept,) = (project / tool.PASSED).iterdir()
    os.utime(kept, (0, time.time() - tool.KEPT_S - 1))
    assert runs(tool, project)


def test_what_the_suites_reach(tool: ModuleType) -> None:
    reached = {name: {path.name for path in tool.reached(suite, ROOT)} for name, suite in tool.SUITES.items()}
    assert reached["jobenv"] == {"algorithms", "hook", "serving", "toolkit"}
    assert reached["packages"] == {"algorithms", "serving", "toolkit"}
    assert {"cli", "server", "compute", "agent", "store"} <= reached["ray"]
    for suite in tool.SUITES.values():
        assert all((ROOT / name).exists() for name in suite.files)


def test_the_slowest_tests_and_files(tmp_path: Path) -> None:
    case = '<testcase classname="{}" name="{}" time="{}"/>'
    report = "<testsuites><testsuite>{}</testsuite></testsuites>"
    cases = [
        case.format("tests.a", "test_x", 1.5),
        case.format("tests.a", "test_y", 2),
        case.format("tests.b", "test_z", 3),
    ]
    (tmp_path / "shared.xml").write_text(report.format("".join(cases)))
    (tmp_path / "shared-again.xml").write_text(report.format(cases[0]))
    slowest = load("slowest")
    said = slowest.lines(slowest.durations(tmp_path))
    assert said == [
        "The 3 slowest of 3 tests:",
        "     3.0 s  tests.a::test_x",
        "     3.0 s  tests.b::test_z",
        "     2.0 s  tests.a::test_y",
        "The 2 slowest of 2 files:",
        "     5.0 s  tests.a (2 tests)",
        "     3.0 s  tests.b (1 tests)",
    ]

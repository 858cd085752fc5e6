"""Which tests run, in what order, and which of them one process has to run: a plugin of pytest, loaded by conftest.py.

`sampled(n)` marks tests that are cases of one thing: `make test` runs n of them, drawn anew each day by a seed that pytest's header
shows, and `make soak` runs them all. A test that is asked for by its name, `-k` or SAGEWRIGHT_TEST_SAMPLE=all is never left out.

With pytest-xdist (`-n 3 --dist loadscope`) the tests of a file stay in one process, since they share its servers. Long files
are named here that can be divided: `SCATTERED` where nothing is shared but the session's server, `DIVIDED` by their servers.
"""

from __future__ import annotations

import gc
import os
import random
import shutil
from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from xdist.scheduler import LoadScopeScheduling

LAST = ("conformance", "security", "unit")
"""Suites with many short files come last: they even out what the long ones leave."""

SCATTERED = {
    *(f"tests/contract/algorithms/test_{name}.py" for name in ("numeric_algorithms",)),
    "tests/contract/examples/test_exam.py",
    *(f"tests/contract/hosting/test_{name}.py" for name in ("hosting_clients",)),
    *(
        f"tests/contract/jobs/test_{name}.py"
        for name in (
            "distributed",
            "hosts",
            "input_clients",
            "model_parallel",
            "processing_boto3",
            "processing_clients",
            "remote_functions",
            "spark_clients",
            "spot",
            "training_boto3",
        )
    ),
    "tests/contract/docs/test_pages.py",
    "tests/contract/server/test_clients.py",
    *(f"tests/faults/jobs/test_{name}.py" for name in ("kills", "launch_kills", "unfriendly_jobs")),
    *(
        f"tests/unit/agent/{name}.py"
        for name in ("outputs/test_checkpoints", "test_endings", "test_host", "reports/test_metrics")
    ),
    "tests/unit/objects/test_listing.py",
    "tests/unit/server/test_internal.py",
    "tests/unit/store/logs/test_logs.py",
}
DIVIDED = {"tests/contract/jobs/test_inputs.py": ("[beside", "[through S3")}

SAMPLE = "SAGEWRIGHT_TEST_SAMPLE"
PLACE = "PYTEST_DEBUG_TEMPROOT"
"""Where pytest makes the folders of tests."""

MEMORY = Path("/dev/shm")
FREE_GB = 8
COLLECT = (20_000, 20, 20)
"""Thresholds of the garbage collector: new objects, and collections of the next younger generation."""
MARKS = {
    "sampled(n, of=None)": "n of the function's cases, or of all tests with the same `of`, run; with --soak, all of them",
    "soak": "takes longer than `make test` has time for: runs with --soak, which `make soak` gives",
    "alone": "its assertions are about the whole machine: nothing else may run beside it",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="also run what is marked `soak`")
    parser.addoption("--balanced", action="store_true", help="two servers behind HAProxy take the place of the one")


def pytest_configure(config: pytest.Config) -> None:
    for name, meaning in MARKS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")
    os.environ.setdefault(
        SAMPLE, date.today().isoformat()
    )  # processes of pytest-xdist draw the same ones, past midnight too
    if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > FREE_GB * 2**30:
        os.environ.setdefault(
            PLACE, str(MEMORY)
        )  # a run makes a hundred thousand files, and a disk takes 2 ms to remove one


def pytest_report_header() -> str:
    return f"sampled tests: {SAMPLE}={os.environ[SAMPLE]}"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--soak"):
        for item in items:
            if item.get_closest_marker("sampled"):
                item.add_marker("soak")
    else:
        chosen = any("::" in argument for argument in config.args) or config.getoption("keyword")
        out = set() if chosen or os.environ[SAMPLE] == "all" else not_drawn(items, os.environ[SAMPLE])
        left = [item for item in items if item.get_closest_marker("soak") or item.nodeid in out]
        config.hook.pytest_deselected(items=left)
        kept = {item.nodeid for item in items} - {item.nodeid for item in left}
        items[:] = [item for item in items if item.nodeid in kept]
    items.sort(key=_turn)


def pytest_collection_finish() -> None:
    """Exempts the tests and everything they import from garbage collection, which would traverse them again and again: a tenth
    or more of the CPU time of unit tests.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT)


def pytest_make_parametrize_id(val: object) -> str | None:
    """Names a case of bytes by their number: every process of pytest-xdist names the tests, and what is packed while they
    are collected contains the time.
    """
    return (
        f"{len(val)} bytes" if isinstance(val, bytes) and not (val.isascii() and val.decode().isprintable()) else None
    )


def not_drawn(items: list[pytest.Item], seed: str) -> set[str]:
    """The names of the tests that `sampled` leaves out today."""
    groups: dict[str, list[str]] = defaultdict(list)
    sizes: dict[str, int] = {}
    for item in items:
        if (mark := item.get_closest_marker("sampled")) and not item.get_closest_marker("soak"):
            group = mark.kwargs.get("of") or item.nodeid.partition("[")[0]
            groups[group].append(item.nodeid)
            sizes[group] = mark.args[0]
    drawn: set[str] = set()
    for group, names in groups.items():
        drawn.update(random.Random(f"{seed} {group}").sample(sorted(names), min(sizes[group], len(names))))
    return {name for names in groups.values() for name in names} - drawn


def _turn(item: pytest.Item) -> int:
    suite = item.path.relative_to(item.config.rootpath / "tests").parts[0]
    return LAST.index(suite) + 1 if suite in LAST else 0


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    if config.getvalue("dist") != "loadscope":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class Schedule(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return scope(nodeid)

    return Schedule(config, log)


def scope(nodeid: str) -> str:
    """Tests that one process runs, by the name of one of them."""
    file = nodeid.partition("::")[0]
    if file in SCATTERED:
        return nodeid
    return file + next((part for part in DIVIDED.get(file, ()) if part in nodeid), "")

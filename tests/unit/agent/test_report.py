from __future__ import annotations

import threading
import time
from pathlib import Path

from agent.double import Double
from sagewright.agent.report import BATCH_BYTES, Reporter
from sagewright.agent.server import ServerConnection


def reporter(double: Double, tmp_path: Path, seen: list[str]) -> Reporter:
    made = Reporter(ServerConnection(double.endpoint, "h1", "t"), tmp_path / "spool", seen.append)
    made.start()
    return made


def test_many_lines_make_few_reports(double: Double, tmp_path: Path) -> None:
    own = reporter(double, tmp_path, [])
    for number in range(20_000):
        own.log(f"line {number}")
    own.finish()

    assert double.lines("h1") == [f"line {number}" for number in range(20_000)]
    assert len(double.reports["h1"]) < 60


def test_a_long_absence_costs_disk_and_not_memory(double: Double, tmp_path: Path) -> None:
    double.stop()
    own = reporter(double, tmp_path, [])
    for _number in range(3000):
        own.log("x" * 1000)
        assert own._bytes <= BATCH_BYTES + 2000
    assert (tmp_path / "spool").stat().st_size > 2_000_000
    double.start()
    own.finish()

    assert len(double.lines("h1")) == 3000


def test_the_servers_wish_is_told_once(double: Double, tmp_path: Path) -> None:
    seen: list[str] = []
    double.desired = lambda _host: "stop"
    own = reporter(double, tmp_path, seen)
    own.send(phase="Training")
    own.send(phase="Uploading")
    own.finish()

    assert seen == ["stop"]


def test_awaiting_asks_often(double: Double, tmp_path: Path) -> None:
    own = reporter(double, tmp_path, [])
    threading.Timer(0.3, lambda: setattr(double, "desired", lambda _host: "collect")).start()
    began = time.monotonic()

    assert own.await_desired("collect") == "collect"
    assert time.monotonic() - began < 1
    own.finish()


def test_a_token_that_is_no_longer_good_means_gone(double: Double, tmp_path: Path) -> None:
    seen: list[str] = []
    made = Reporter(ServerConnection(double.endpoint + "/elsewhere", "h1", "t"), tmp_path / "spool", seen.append)
    made.start()
    made.send(phase="Training")
    made.finish()

    assert seen == ["gone"]


def test_an_agent_whose_directory_was_deleted_does_not_wait_for_its_server(double: Double, tmp_path: Path) -> None:
    seen: list[str] = []
    double.stop()
    own = reporter(double, tmp_path, seen)
    own.send(phase="Training")
    (tmp_path / "spool").unlink()
    own.finish()

    assert seen == ["gone"]

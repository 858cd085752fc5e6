from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.double import Double
from sagewright.agent.reports import report
from sagewright.agent.reports.report import BATCH_BYTES, Reporter
from sagewright.agent.reports.server import ServerConnection
from sagewright.agent.reports.spool import encoded
from sagewright.agent.reports.truncation import slimmer


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


def test_what_is_held_comes_when_it_is_released_or_its_time_is_over(double: Double, tmp_path: Path) -> None:
    own = reporter(double, tmp_path, [])
    own.hold(60)
    own.send(phase="Downloading")
    own.log("a line")
    time.sleep(0.3)
    assert "h1" not in double.reports
    before = time.time_ns() // 1_000_000
    own.release()
    double.wait(lambda: double.lines("h1") == ["a line"])
    assert double.of("h1", "at_ms")[0] < before - 200
    own.hold(0.3)
    own.send(phase="Running")
    double.wait(lambda: double.of("h1", "phase") == ["Downloading", "Running"])
    assert double.reports["h1"][-1]["received"] * 1000 - double.reports["h1"][-1]["at_ms"] > 200
    own.finish()


def test_phases_that_were_held_are_one_report_with_their_times(double: Double, tmp_path: Path) -> None:
    own = reporter(double, tmp_path, [])
    own.hold(60)
    before = time.time_ns() // 1_000_000
    own.send(phase="Downloading")
    time.sleep(0.05)
    own.send(phase="Running")
    between = time.time_ns() // 1_000_000
    time.sleep(0.05)
    own.release()
    double.wait(lambda: "h1" in double.reports)
    (first,) = double.reports["h1"]
    ((phase, at_ms),) = first["earlier"]
    assert (phase, first["phase"]) == ("Downloading", "Running")
    assert before <= at_ms <= first["at_ms"] - 50 <= between
    own.send(phase="Uploading")
    own.finish()
    assert double.of("h1", "phase") == ["Running", "Uploading"]
    assert "earlier" not in double.reports["h1"][-1]


def test_a_held_phase_is_in_the_report_of_what_is_not_held(double: Double, tmp_path: Path) -> None:
    own = reporter(double, tmp_path, [])
    own.hold(60)
    own.send(phase="Downloading")
    own.send(failed={"class": "ClientError", "message": "x"}, finished=True)
    own.finish()
    (only,) = double.reports["h1"]
    assert sorted(only.keys() - {"seq", "at_ms", "received"}) == ["earlier", "failed", "finished"]
    assert [phase for phase, _at_ms in only["earlier"]] == ["Downloading"]


def test_a_process_that_ends_at_once_is_one_report(
    double: Double, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "QUIET_S", 60.0)
    own = reporter(double, tmp_path, [])
    own.hold(60)
    own.send(phase="Downloading")
    own.log("a line before the process")
    own.send(phase="Running")
    own.release()
    time.sleep(0.3)
    assert "h1" not in double.reports
    own.send(phase="Uploading", exited={"code": 0, "cause": "exit", "failure": None}, finished=True)
    own.finish()
    (only,) = double.reports["h1"]
    assert [phase for phase, _at_ms in only["earlier"]] == ["Downloading", "Running"]
    assert (only["phase"], only["finished"]) == ("Uploading", True)
    assert double.lines("h1") == ["a line before the process"]


def test_a_line_takes_the_phases_before_it_along(
    double: Double, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "QUIET_S", 60.0)
    own = reporter(double, tmp_path, [])
    own.hold(60)
    own.log("a line before the process")
    own.send(phase="Running")
    own.release()
    time.sleep(0.1)
    assert "h1" not in double.reports
    own.log("a line")
    double.wait(lambda: double.lines("h1") == ["a line before the process", "a line"])
    assert double.reports["h1"][0]["phase"] == "Running"
    own.finish()
    assert len(double.reports["h1"]) == 1


def test_what_is_held_does_not_keep_the_end(double: Double, tmp_path: Path) -> None:
    own = reporter(double, tmp_path, [])
    own.hold(60)
    own.send(finished=True)
    begun = time.monotonic()
    own.finish()
    assert time.monotonic() - begun < 30
    assert double.of("h1", "finished") == [True]


def test_the_servers_wish_is_told_once(double: Double, tmp_path: Path) -> None:
    seen: list[str] = []
    double.desired = lambda _host: "stop"
    own = reporter(double, tmp_path, seen)
    own.send(phase="Running")
    own.send(phase="Uploading")
    own.finish()

    assert seen == ["stop"]


def test_awaiting_asks_often(double: Double, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "HEARTBEAT_S", 60.0)
    own = reporter(double, tmp_path, [])
    threading.Timer(0.3, lambda: setattr(double, "desired", lambda _host: "collect")).start()
    began = time.monotonic()

    assert own.await_desired("collect") == "collect"
    assert time.monotonic() - began < 30
    own.finish()


def test_a_token_that_is_no_longer_good_means_gone(double: Double, tmp_path: Path) -> None:
    seen: list[str] = []
    made = Reporter(ServerConnection(double.endpoint + "/elsewhere", "h1", "t"), tmp_path / "spool", seen.append)
    made.start()
    made.send(phase="Running")
    made.finish()

    assert seen == ["gone"]


def test_an_agent_whose_directory_was_deleted_does_not_wait_for_its_server(double: Double, tmp_path: Path) -> None:
    seen: list[str] = []
    double.stop()
    own = reporter(double, tmp_path, seen)
    own.send(phase="Running")
    (tmp_path / "spool").unlink()
    own.finish()

    assert seen == ["gone"]


class Choosy(ServerConnection):
    """A server that refuses some reports. `answers`: what it said, and to which."""

    def __init__(self, refuses: Callable[[dict[str, Any]], int]) -> None:
        super().__init__("http://127.0.0.1:1", "h", "t")
        self._refuses = refuses
        self.answers: list[tuple[int, dict[str, Any]]] = []

    def request(self, method: str, path: str, body: bytes | None = None, kind: str = "") -> tuple[int, bytes]:
        del method, path, kind
        report = orjson.loads(body or b"")
        status = self._refuses(report) or 200
        self.answers.append((status, report))
        return status, b'{"desired": "run"}'

    def taken(self, member: str) -> list[Any]:
        return [report[member] for status, report in self.answers if status == 200 and member in report]


EXIT = {"code": 3, "cause": "exit", "failure": "x"}


def described(connection: Choosy, tmp_path: Path) -> None:
    own = Reporter(connection, tmp_path / "spool", lambda _word: None)
    own.log("before")
    own.metric("m", 0.5)
    own.start()
    own.send(phase="Uploading", message="m", exited=EXIT)
    own.log("after")
    own.send(finished=True)
    own.finish()


@pytest.mark.parametrize("member", ["metrics", "phase", "message"])
def test_a_refused_report_loses_neither_its_lines_nor_its_end(tmp_path: Path, member: str) -> None:
    connection = Choosy(lambda report: 400 if member in report else 0)
    described(connection, tmp_path)
    assert connection.taken("exited") == [EXIT]
    assert connection.taken("finished") == [True]
    assert [line for batch in connection.taken("logs") for _at, line in batch] == ["before", "after"]


def test_lines_that_are_refused_cost_no_end(tmp_path: Path) -> None:
    connection = Choosy(lambda report: 413 if "logs" in report else 0)
    described(connection, tmp_path)
    assert connection.taken("exited") == [EXIT]
    assert connection.taken("finished") == [True]


def test_an_end_that_is_refused_is_a_failure(tmp_path: Path) -> None:
    connection = Choosy(lambda report: 422 if "exited" in report else 0)
    described(connection, tmp_path)
    assert [failed["class"] for failed in connection.taken("failed")] == ["InternalServerError"]


@pytest.mark.parametrize("status", [400, 409, 413, 422, 431])
def test_a_server_that_refuses_everything_is_not_asked_for_ever(tmp_path: Path, status: int) -> None:
    connection = Choosy(lambda _report: status)
    described(connection, tmp_path)
    assert len(connection.answers) <= 12


def test_a_report_that_makes_the_server_fail_is_slimmed_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sagewright.agent.reports.report.FAULTS", (4, 6))
    monkeypatch.setattr("sagewright.agent.reports.report.BACKOFF_S", (0.001, 0.002))
    connection = Choosy(lambda report: 500 if "metrics" in report else 0)
    described(connection, tmp_path)
    assert [status for status, _report in connection.answers].count(500) == 4
    assert [line for batch in connection.taken("logs") for _at, line in batch] == ["before", "after"]
    assert connection.taken("exited") == [EXIT]


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504, 507])
def test_a_busy_server_is_asked_again_with_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setattr("sagewright.agent.reports.report.FAULTS", (4, 6))
    monkeypatch.setattr("sagewright.agent.reports.report.BACKOFF_S", (0.001, 0.002))
    refusals = iter([status] * 30)
    connection = Choosy(lambda _report: next(refusals, 0))
    described(connection, tmp_path)
    assert len(connection.taken("metrics")) == 1
    assert connection.taken("exited") == [EXIT]


def test_an_answer_of_another_server_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sagewright.agent.reports.report.BACKOFF_S", (0.001, 0.002))

    class Stranger(Choosy):
        def request(self, method: str, path: str, body: bytes | None = None, kind: str = "") -> tuple[int, bytes]:
            status, answer = super().request(method, path, body, kind)
            return status, answer if len(self.answers) > 5 else b"<html>"

    connection = Stranger(lambda _report: 0)
    described(connection, tmp_path)
    assert connection.taken("exited")[-1] == EXIT


ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters()), st.binary(max_size=3)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters()), inner, max_size=3),
    max_leaves=6,
)


@given(members=st.dictionaries(st.sampled_from(["logs", "metrics", "phase", "exited", "failed", "finished"]), ANYTHING))
def test_whatever_a_report_holds_it_is_json_and_slimming_it_ends(members: dict[str, Any]) -> None:
    report: dict[str, Any] | None = {"seq": 1, "at_ms": 1, **members}
    steps = 0
    while report is not None:
        assert orjson.loads(encoded(report))["seq"] == 1
        report = slimmer(report)
        steps += 1
        assert steps < 6


class Answering(ServerConnection):
    """A server that answers with these bodies, and then as it should."""

    def __init__(self, *bodies: bytes) -> None:
        super().__init__("http://127.0.0.1:1", "h", "t")
        self._bodies = list(bodies)

    def request(self, method: str, path: str, body: bytes | None = None, kind: str = "") -> tuple[int, bytes]:
        return 200, self._bodies.pop(0) if self._bodies else b'{"desired": "run"}'


@pytest.mark.parametrize(
    "body",
    [b"[]", b'"text"', b"7", b"null", b'{"desired": "run", "servers": 5}', b'{"servers": ["http://127.0.0.1:1"]}'],
)
def test_an_answer_that_is_none_is_asked_for_again(tmp_path: Path, body: bytes) -> None:
    connection = Answering(body)
    made = Reporter(connection, tmp_path / "spool", lambda _word: None)
    made.start()
    made.send(phase="Running")
    made.finish()
    assert not connection._bodies


def test_an_agent_turns_to_another_server_of_its_store(double: Double, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        away = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    connection = ServerConnection(away, "h1", "t")
    connection.know([5, None, "no URL", double.endpoint, away])
    made = Reporter(connection, tmp_path / "spool", lambda _word: None)
    made.start()
    made.log("line")
    made.finish()
    assert double.lines("h1") == ["line"]

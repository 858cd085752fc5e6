"""An agent without a server: how long it waits once it is asked to end, and what it leaves for the next server."""

from __future__ import annotations

import time
from pathlib import Path

import orjson
import pytest

from sagewright.agent import control
from sagewright.agent.control import Control
from sagewright.agent.reports.report import Reporter
from sagewright.agent.reports.server import ServerConnection
from sagewright.model.jobs.left_reports import FILE, left


def test_an_agent_that_nobody_asked_to_end_waits_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "LEAVE_S", 0.0)
    requested = Control()
    requested.worked_at = time.monotonic()
    assert not requested.leave_if_deserted(time.monotonic() - 1000)
    requested.ask_stop()  # by a server
    assert not requested.leave_if_deserted(time.monotonic() - 1000)


def test_one_that_was_asked_waits_for_a_while_and_hardly_when_it_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    requested, away_since = Control(), time.monotonic()
    requested._signalled()
    assert not requested.leave_if_deserted(away_since), "its process has not ended"
    requested.worked_at = time.monotonic()
    assert not requested.leave_if_deserted(away_since)
    requested._signalled()
    assert not requested.leave_if_deserted(away_since), "a server that has just started may have sent it"
    monkeypatch.setattr(control, "AGAIN_S", 0.0)
    assert requested.leave_if_deserted(away_since)


def test_signals_of_a_server_that_was_there_do_not_count_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "AGAIN_S", 0.0)
    requested = Control()
    requested.worked_at = time.monotonic()
    requested._signalled()
    requested._signalled()
    assert not requested.leave_if_deserted(time.monotonic())


def test_reports_that_could_not_be_sent_stay_in_their_file(tmp_path: Path) -> None:
    deserted = [False]
    nobody = ServerConnection("http://127.0.0.1:9", "host", "token")
    reporter = Reporter(nobody, tmp_path / FILE, lambda _word: None, lambda _since: deserted[0])
    reporter.start()
    reporter.log("the last line")
    reporter.send(exited={"code": 0, "cause": "stop"}, finished=True)
    deserted[0] = True
    assert reporter.ask() == "run"
    began = time.monotonic()
    reporter.finish()
    assert time.monotonic() - began < 20
    found = [orjson.loads(report) for report in left(tmp_path)]
    assert found[0]["logs"][0][1] == "the last line" and found[0]["finished"]


def test_half_of_a_report_at_the_end_is_none(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"\x02\x00\x00\x00{}" + b"\x09\x00\x00\x00{" + b"")
    assert list(left(tmp_path)) == [b"{}"]
    (tmp_path / FILE).write_bytes(b"\xff\xff\xff\xff{}")
    assert list(left(tmp_path)) == []

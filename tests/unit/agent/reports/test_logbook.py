"""Lines of a log that are kept, and messages about the rest."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from sagewright.agent.reports.logbook import LogBook
from sagewright.agent.reports.metrics import MetricScanner
from sagewright.agent.reports.report import FULL_AWAY_BYTES, FULL_BYTES, Reporter
from sagewright.agent.reports.server import ServerConnection
from sagewright.model.jobs.brief import MetricDefinition


class Recorder(Reporter):
    """A reporter that is not started: what it would send stays here."""

    def __init__(self, directory: Path) -> None:
        super().__init__(ServerConnection("http://127.0.0.1:1", "h", "t"), directory / "spool", lambda _word: None)
        self._spool.close()
        self.lines: list[str] = []
        self.points: list[tuple[str, float]] = []
        self.waiting = 0

    @property
    def full(self) -> bool:
        return self.waiting > (FULL_AWAY_BYTES if self.away else FULL_BYTES)

    def log(self, line: str) -> None:
        self.lines.append(line)

    def metric(self, name: str, value: float) -> None:
        self.points.append((name, value))


def book(recorder: Recorder, limit_mb: int) -> LogBook:
    return LogBook(recorder, MetricScanner([MetricDefinition("n", "n=([0-9]+)")]), limit_mb)


def test_beyond_the_limit_only_the_end_is_kept_but_every_metric(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    log = book(recorder, 1)
    for number in range(5000):
        log.line(f"n={number} " + "x" * 1000)
    log.close()

    kept = 1 + (1 << 20) // 1007
    assert len(recorder.points) == 5000
    said = [line for line in recorder.lines if not line.startswith("n=")]
    assert said[0].startswith("This host has logged 1 MiB, all that is kept of a host (setting log_limit_mb)")
    tail = recorder.lines[recorder.lines.index(said[1]) + 1 :]
    assert tail[-1].startswith("n=4999 ")
    assert said[1].startswith(f"{5000 - (len(recorder.lines) - 2 - len(tail)) - len(tail)} lines were left out")
    assert abs(len(recorder.lines) - 2 - len(tail) - kept) < 10


def test_while_the_server_takes_lines_the_process_waits_and_none_is_lost(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    log = book(recorder, 0)
    recorder.waiting = FULL_BYTES + 1
    assert not log.ready()
    for number in range(3000):
        log.line(str(number))
    assert len(recorder.lines) == 3000


def test_while_it_is_away_and_much_waits_lines_are_left_out_and_that_is_said(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    log = book(recorder, 0)
    recorder.away, recorder.waiting = True, FULL_AWAY_BYTES + 1
    assert log.ready()
    for number in range(3000):
        log.line(str(number))
    assert recorder.lines == []
    recorder.away, recorder.waiting = False, 0
    log.line("back")
    assert recorder.lines[0] == "2000 lines were left out, because the server was unreachable."
    assert recorder.lines[1:] == [*map(str, range(2000, 3000)), "back"]


def test_lines_that_come_together_count_as_lines_do(tmp_path: Path) -> None:
    one, many = Recorder(tmp_path), Recorder(tmp_path)
    texts = [f"line {number} " + "x" * (number % 700) for number in range(20_000)]
    singly, together = (LogBook(recorder, MetricScanner([]), 1) for recorder in (one, many))
    for text in texts:
        singly.line(text)
    for start in range(0, len(texts), 333):
        together.lines(texts[start : start + 333])
    singly.close()
    together.close()
    said = next(line for line in many.lines if "were left out" in line)
    tail = many.lines[many.lines.index(said) + 1 :]
    assert tail == texts[-len(tail) :]
    assert len(tail) + 1 >= 1000 or sum(map(len, tail)) > 500_000
    assert len(many.lines) - 2 + int(said.split()[0]) == len(texts)
    assert one.lines == many.lines


def hostile(recorder: Recorder) -> LogBook:
    definitions = [MetricDefinition(f"m{n}", rf"(\w{{1000}}[a-z]{{900}}{n})") for n in range(12)]
    return LogBook(recorder, MetricScanner([*definitions, MetricDefinition("n", "n=([0-9]+)")]), 0)


def test_a_flood_of_lines_for_slow_regexes_holds_nobody_up_for_long(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    log, longest = hostile(recorder), 0.0
    texts = [f"n={number} " + "a" * 16_000 for number in range(100)]
    began = time.process_time()
    log.lines(texts)
    while not log.ready():
        longest = max(longest, time.process_time() - began)
        began = time.process_time()
    log.close()
    assert longest < 2
    assert [line for line in recorder.lines if line.startswith("n=")] == texts
    assert len([line for line in recorder.lines if "is no longer searched for" in line]) == 12
    assert recorder.points[-1] == ("n", 99.0)


def test_what_waits_at_the_end_is_kept_without_its_metrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sagewright.agent.reports.logbook._CLOSE_S", 0.0)
    monkeypatch.setattr("sagewright.agent.reports.logbook._SLICE_S", 0.0)
    recorder = Recorder(tmp_path)
    log = book(recorder, 0)
    texts = [f"n={number}" for number in range(50)]
    log.lines(texts)
    log.close()
    assert [line for line in recorder.lines if line.startswith("n=")] == texts
    assert any(line.startswith("The last lines were not searched for metrics") for line in recorder.lines)


def test_what_metrics_are_left_out_is_said_in_the_log(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    log = LogBook(recorder, MetricScanner([MetricDefinition("n", r"n=(\S+)"), MetricDefinition("bad", "(")]), 0)
    log.lines(["n=nan", "n=1e999", "n=2"])
    assert recorder.points == [("n", 2.0)]
    assert recorder.lines[0].startswith("Metric 'bad' is ignored")
    assert recorder.lines[1] == "n=nan"
    assert recorder.lines[2].startswith("Metric 'n' was nan")
    assert recorder.lines[3:] == ["n=1e999", "n=2"]

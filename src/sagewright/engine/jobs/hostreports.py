"""Parses a host's report member by member: valid parts are applied, broken ones are rejected and reported.

An agent that reports nonsense has a bug, or runs beside a job that interferes with it. Either way the lines, the exit and the end
in its reports belong to the job, and nothing else in a report may cost them.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from sagewright.model.clock import now_ms
from sagewright.model.jobs.brief import EndCause, FaultClass, Phase
from sagewright.model.jobs.gates import Gate

LAST_SEQ = (1 << 31) - 1
LATEST_MS = 4_102_444_800_000  # 2100: a later moment is a mistake, and clients cannot display it
NAME_CHARACTERS = 255
MESSAGE_CHARACTERS = 1024
FAILURE_CHARACTERS = 65_536
NOTE_CHARACTERS = 16 << 20
METRIC_LINES, METRIC_LINE_CHARACTERS = 500, 16_384
"""Lines of metric files in one report, and characters of each: as many as agents send."""
DESCRIBED = 5
USAGE = frozenset({"CPUUtilization", "MemoryUtilization"})
"""Names of samples of a host's use of its share."""
"""Maximum number of refused parts named in the server's log."""

PHASES = {str(phase): phase for phase in Phase} | {
    "Training": Phase.RUNNING
}  # the name used by agents older than briefs
CAUSES = {str(cause): cause for cause in EndCause}
CLASSES = {str(fault): fault for fault in FaultClass}


class UnreadableReport(ValueError):
    """Even the report's number cannot be read, so it cannot be applied exactly once."""


@dataclass(frozen=True)
class Exited:
    """`failure` and `message`: what the process left about its failure, and a message to report in any case."""

    code: int
    cause: EndCause
    failure: str | None
    message: str | None = None


@dataclass(frozen=True)
class HostReport:
    """`earlier`: phases before `phase`, with their times; `metric_lines`: lines of the job's metric files; `gate`: URL by which
    other machines reach its model server; `refused`: descriptions of the parts that were rejected."""

    seq: int
    at_ms: int
    logs: list[tuple[int, str]] = field(default_factory=list)
    metrics: list[tuple[str, float, int]] = field(default_factory=list)
    usage: list[tuple[str, float]] = field(default_factory=list)
    phase: Phase | None = None
    earlier: list[tuple[Phase, int]] = field(default_factory=list)
    message: str | None = None
    exited: Exited | None = None
    failed: str | None = None
    finished: bool = False
    metric_lines: list[str] = field(default_factory=list)
    gate: str = ""
    refused: list[str] = field(default_factory=list)

    @property
    def ends(self) -> bool:
        return bool(self.exited or self.failed or self.finished)

    def without_lines(self) -> HostReport:
        """Returns the report without its log lines, for a store that has no room for them."""
        if not self.logs:
            return self
        line = f"{len(self.logs)} lines were left out: the disk of the server's store is full."
        return replace(self, logs=[(self.logs[0][0], line)])

    def essential(self) -> HostReport:
        """Returns only the lines and the end."""
        return replace(self, metrics=[], usage=[], phase=None, earlier=[], message=None, metric_lines=[])


def read_report(body: bytes) -> HostReport:
    """Parses a report. Raises UnreadableReport."""
    try:
        document = _parsed(body)
    except (ValueError, RecursionError) as error:
        raise UnreadableReport(f"a report is a JSON object: {error}") from error
    if not isinstance(document, dict):
        raise UnreadableReport("a report is a JSON object")
    seq = _whole(document.get("seq"), LAST_SEQ)
    if not seq:
        raise UnreadableReport(f"the number of a report, seq, is from 1 to {LAST_SEQ}")
    return _Reading(document).report(seq)


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except ValueError:
        return json.loads(body.decode(errors="replace"))  # accepts NaN, unpaired surrogates and long integers


class _Reading:
    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._refused: list[str] = []
        self._now = now_ms()

    def report(self, seq: int) -> HostReport:
        said = self._document.get("phase")
        phase = PHASES.get(said) if isinstance(said, str) else None
        if said is not None and phase is None:
            self._refuse("phase", said)
        exited, failed = self._exited(), self._failed()
        if failed is None and exited is None and self._document.get("exited"):
            failed = f"{FaultClass.INTERNAL}: The agent's report of the exit could not be read."
        message = self._document.get("message")
        return HostReport(
            seq=seq,
            at_ms=self._moment(self._document.get("at_ms"), "at_ms"),
            logs=self._logs(),
            metrics=self._metrics(),
            usage=self._usage(),
            metric_lines=self._metric_lines(),
            phase=phase,
            earlier=self._earlier(),
            message=None if message is None else _text(message)[:MESSAGE_CHARACTERS] or None,
            exited=exited,
            failed=failed,
            finished=bool(self._document.get("finished")),
            gate=self._gate(),
            refused=self._refused,
        )

    def _earlier(self) -> list[tuple[Phase, int]]:
        found: list[tuple[Phase, int]] = []
        for entry in self._list("earlier"):
            said, at_ms = entry if isinstance(entry, list) and len(entry) == 2 else (None, None)
            phase = PHASES.get(said) if isinstance(said, str) else None
            if phase is None or len(found) == len(PHASES):
                self._refuse("earlier phase", entry)
            else:
                found.append((phase, self._moment(at_ms, "the time of a phase")))
        return found

    def _gate(self) -> str:
        url = self._document.get("gate")
        if url is None:
            return ""
        try:
            gate = Gate.read(url if isinstance(url, str) else "")
            return Gate(gate.host, gate.port, gate.key).url  # an agent names no machine and no directory
        except ValueError:
            self._refuse("gate", url)
            return ""

    def _refuse(self, what: str, value: Any) -> None:
        self._refused.append(f"{what} {repr(value)[:80]}")

    def _moment(self, value: Any, what: str) -> int:
        """Returns milliseconds since the epoch; now, where the value is invalid."""
        found = _whole(value, LATEST_MS)
        if found is None:
            self._refuse(what, value)
            return self._now
        return found

    def _list(self, name: str) -> list[Any]:
        found = self._document.get(name)
        if found is None or isinstance(found, list):
            return found or []
        self._refuse(name, found)
        return []

    def _logs(self) -> list[tuple[int, str]]:
        lines = []
        for entry in self._list("logs"):
            if isinstance(entry, list) and len(entry) == 2:
                lines.append((self._moment(entry[0], "the time of a line"), _text(entry[1])))
            else:  # the text of a line is worth more than its form
                self._refuse("the form of a line", entry)
                lines.append((self._now, _text(entry)))
        return lines

    def _metrics(self) -> list[tuple[str, float, int]]:
        points = []
        for entry in self._list("metrics"):
            name, value, at_ms = entry if isinstance(entry, list) and len(entry) == 3 else (None, None, None)
            number = _finite(value)
            if number is None or not _is_name(name):
                self._refuse("metric", entry)
            else:
                points.append((str(name), number, self._moment(at_ms, "the time of a metric")))
        return points

    def _metric_lines(self) -> list[str]:
        given = self._list("metric_lines")
        if len(given) > METRIC_LINES:
            self._refuse("lines of metrics after the first", METRIC_LINES)
        lines = []
        for entry in given[:METRIC_LINES]:
            if isinstance(entry, str) and len(entry) <= METRIC_LINE_CHARACTERS:
                lines.append(entry)
            else:
                self._refuse("a line of metrics", entry)
        return lines

    def _usage(self) -> list[tuple[str, float]]:
        found = []
        for entry in self._list("usage"):
            name, value = entry if isinstance(entry, list) and len(entry) == 2 else (None, None)
            number = _finite(value)
            if number is None or name not in USAGE:
                self._refuse("usage", entry)
            else:
                found.append((str(name), number))
        return found

    def _exited(self) -> Exited | None:
        found = self._document.get("exited")
        if not found:
            return None
        code = _whole(found.get("code"), LAST_SEQ, least=-LAST_SEQ) if isinstance(found, dict) else None
        if code is None:
            self._refuse("exited", found)
            return None
        said = found.get("cause")
        cause = CAUSES.get(said) if isinstance(said, str) else None
        if cause is None:
            self._refuse("cause", said)
        texts = ((found.get("failure"), FAILURE_CHARACTERS), (found.get("message"), NOTE_CHARACTERS))
        failure, message = (None if text is None else _text(text)[:most] for text, most in texts)
        return Exited(code, cause or EndCause.EXIT, failure, message)

    def _failed(self) -> str | None:
        found = self._document.get("failed")
        if not found:
            return None
        if not isinstance(found, dict):
            self._refuse("failed", found)
            found = {"message": found}
        kind = found.get("class")
        if not (isinstance(kind, str) and kind in CLASSES):
            self._refuse("class", kind)
            kind = FaultClass.INTERNAL
        return f"{kind}: {_text(found.get('message', 'unknown'))[:FAILURE_CHARACTERS]}"


def _whole(value: Any, most: int, least: int = 0) -> int | None:
    if isinstance(value, float) and math.isfinite(value):
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most else None


def _finite(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= NAME_CHARACTERS and "\0" not in value and _text(value) == value


def _text(value: Any) -> str:
    """Returns text that every store accepts."""
    text = value if isinstance(value, str) else repr(value)
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()

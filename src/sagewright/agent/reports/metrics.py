"""Metrics from log lines by the regexes of MetricDefinitions, which are untrusted."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sagewright.model.jobs.brief import MetricDefinition
from sagewright.model.regexes import Guarded, compile_linear

# A group such as `(\S+)` may match more than the number: `0.14#011validation-auc:0.9`, with a tab shown as `#011`.
_NUMBER = re.compile(r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|nan\b|inf(?:inity)?\b)", re.IGNORECASE | re.ASCII)
LINE_CHARACTERS = 8_192
"""Only this many characters of a line are searched."""
MEMORY_BYTES = 1 << 19  # of a compiled regex: with the limit of a line, about 0.4 s for the worst search
ALLOWED_S = 0.005  # acceptable CPU time of one search
OVERRUN_S = 0.2  # total excess of a definition before it is given up
LINE_OVERRUN_S = 0.5  # the same for all definitions on one line


@dataclass
class _Definition:
    """`linear` searches bytes; if it is None, `guarded` searches text."""

    name: str
    linear: Any | None
    guarded: Guarded | None
    overrun_s: float = 0.0

    def search(self, line: str, data: bytes) -> str | None:
        """Returns the match of the first group. Raises TimeoutError."""
        if self.linear is not None:
            match = self.linear.search(data)
            return match[1].decode(errors="replace") if match and match[1] is not None else None
        assert self.guarded
        match = self.guarded.search(line)
        return match[1] if match else None


class MetricScanner:
    """Extracts metrics from lines. `notes` reports unusable definitions and values, once."""

    def __init__(self, definitions: Iterable[MetricDefinition]) -> None:
        self._notes: list[str] = []
        self._not_finite: set[str] = set()
        requested = dict.fromkeys((metric.name, metric.regex) for metric in definitions)
        compiled = [self._compile(name, regex) for name, regex in requested]
        self._definitions = [definition for definition in compiled if definition]

    def __bool__(self) -> bool:
        """True if a line can contain a metric at all."""
        return bool(self._definitions)

    def notes(self) -> list[str]:
        """Returns messages for the job's log about definitions and values that were skipped since the last call."""
        notes, self._notes = self._notes, []
        return notes

    def scan(self, line: str) -> Iterator[tuple[str, float]]:
        """Yields (name, value) for each definition that finds a finite number in the line."""
        if len(line) > LINE_CHARACTERS:
            line = line[:LINE_CHARACTERS]
        data = line.encode(errors="replace")
        left_s = LINE_OVERRUN_S
        for definition in self._definitions:
            caught, overrun_s = self._search(definition, line, data)
            number = _NUMBER.match(caught) if caught else None
            if number:
                value = float(number[0])
                if math.isfinite(value):
                    yield definition.name, value
                else:
                    self._leave_out(definition.name, value)
            left_s -= overrun_s
            if left_s < 0:
                break
        if left_s < LINE_OVERRUN_S:
            self._definitions = [one for one in self._definitions if one.overrun_s < OVERRUN_S]

    def give_up(self) -> None:
        """Stops looking for metrics."""
        if self._definitions:
            self._definitions = []
            self._notes.append("The last lines were not searched for metrics: the regexes take too long.")

    def _search(self, definition: _Definition, line: str, data: bytes) -> tuple[str | None, float]:
        """Returns the match, and the CPU time used beyond the limit."""
        began = time.thread_time()
        try:
            caught = definition.search(line, data)
        except TimeoutError:
            caught = None
        overrun_s = time.thread_time() - began - ALLOWED_S
        if overrun_s <= 0:
            return caught, 0.0
        definition.overrun_s += overrun_s
        if definition.overrun_s >= OVERRUN_S:
            self._notes.append(f"Metric '{definition.name}' is no longer searched for: its regex takes too long.")
        return caught, overrun_s

    def _leave_out(self, name: str, value: float) -> None:
        if name not in self._not_finite:
            self._not_finite.add(name)
            self._notes.append(f"Metric '{name}' was {value}: values that are not finite are left out of the metrics.")

    def _compile(self, name: str, pattern: str) -> _Definition | None:
        linear = compile_linear(pattern, MEMORY_BYTES)
        try:
            guarded = None if linear is not None else _guarded(pattern)
        except (re.error, ValueError, RecursionError, OverflowError) as error:
            self._notes.append(f"Metric '{name}' is ignored: its regex cannot be used ({error}).")
            return None
        groups = linear.groups if linear is not None else guarded.groups if guarded else 0
        if not groups:
            self._notes.append(f"Metric '{name}' is ignored: its regex has no group that captures the value.")
            return None
        return _Definition(name, linear, guarded)


def _guarded(pattern: str) -> Guarded:
    """Compiles a pattern. Raises re.error, or any other exception that Python raises, for an invalid Python regex."""
    re.compile(pattern)  # `regex` accepts more syntax than Python does
    import regex

    try:
        return Guarded(pattern)
    except regex.error as error:
        raise ValueError(str(error)) from error

"""Metrics from log lines by the regexes of MetricDefinitions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

# A group such as `(\S+)` may catch more than the number: `0.14#011validation-auc:0.9`, with a tab shown as `#011`.
_NUMBER = re.compile(r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|nan\b|inf(?:inity)?\b)", re.IGNORECASE)


class MetricScanner:
    """`definitions`: {"Name", "Regex"} each. One that is no Python regex, or has no group, never matches."""

    def __init__(self, definitions: Iterable[Mapping[str, str]]) -> None:
        self._patterns = []
        for name, regex in dict.fromkeys((item["Name"], item["Regex"]) for item in definitions):
            try:
                pattern = re.compile(regex)
            except re.error:
                continue
            if pattern.groups:
                self._patterns.append((name, pattern))

    def __bool__(self) -> bool:
        """Whether a line can have a metric at all."""
        return bool(self._patterns)

    def scan(self, line: str) -> Iterator[tuple[str, float]]:
        """(name, value) for each definition that finds a number in the line."""
        for name, pattern in self._patterns:
            match = pattern.search(line)
            number = _NUMBER.match(match[1]) if match and match[1] is not None else None
            if number:
                yield name, float(number[0])

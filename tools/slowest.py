"""Prints the slowest tests and files of a run, from the reports that its suites left: `slowest.py FOLDER`."""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

MOST = 20


def durations(folder: Path) -> dict[tuple[str, str], float]:
    """Seconds by file and test, of all reports in the folder; a test that was tried twice has the sum."""
    found: dict[tuple[str, str], float] = defaultdict(float)
    for report in sorted(folder.glob("*.xml")):
        for case in ElementTree.parse(report).iter("testcase"):
            found[case.get("classname", ""), case.get("name", "")] += float(case.get("time", "0"))
    return found


def lines(found: dict[tuple[str, str], float]) -> list[str]:
    """Returns what is printed: a table of tests and one of files."""
    files: dict[str, list[float]] = defaultdict(list)
    for (file, _), seconds in found.items():
        files[file].append(seconds)
    tests = sorted(found.items(), key=lambda item: -item[1])[:MOST]
    slow = sorted(files.items(), key=lambda item: -sum(item[1]))[:MOST]
    said = [f"The {len(tests)} slowest of {len(found)} tests:"]
    said += [f"{seconds:8.1f} s  {file}::{name}" for (file, name), seconds in tests]
    said += [f"The {len(slow)} slowest of {len(files)} files:"]
    return said + [f"{sum(each):8.1f} s  {file} ({len(each)} tests)" for file, each in slow]


if __name__ == "__main__":
    if reported := durations(Path(sys.argv[1])):
        print("\n".join(lines(reported)))

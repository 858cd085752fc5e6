"""Rows divided among hosts."""

from pathlib import Path

import pytest

from sagewright.clarify.analyzer.job import ClarifyJob
from sagewright.clarify.analyzer.shares import share

HERE = Path()


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 7, 121])
@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_each_row_has_one_host_and_the_leader_has_some(rows: int, count: int) -> None:
    hosts = tuple(f"algo-{number}" for number in range(1, count + 1))
    parts = [share(ClarifyJob(HERE, "", "", HERE, HERE, HERE, "", host, hosts), rows) for host in hosts]
    assert [row for part in parts for row in part] == list(range(rows))
    assert bool(parts[0]) == bool(rows)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1

from __future__ import annotations

import pytest

from sagewright.compute import machines
from sagewright.compute.machines import ClusterMachines
from sagewright.model.aws.instance_types import Resources


def test_a_cluster_is_asked_now_and_then_and_has_no_machines_while_it_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("sagewright.compute.machines.time.monotonic", lambda: now)
    answers: list[list[Resources] | Exception] = [
        [Resources(4, 8, 0)],
        ConnectionError("away"),
        [Resources(4, 8, 0), Resources(2, 4, 1)],
        KeyError("a fault of ours"),
    ]
    asked = []

    def ask() -> list[Resources]:
        asked.append(now)
        answer = answers[len(asked) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    known = ClusterMachines(ask, (ConnectionError,))
    assert known() == known() == [Resources(4, 8, 0)]
    assert asked == [100.0]
    now += machines.FRESH_S + 1
    assert list(known()) == list(known()) == []
    assert len(asked) == 2
    now += machines.FRESH_S + 1
    assert len(known()) == 2
    now += machines.FRESH_S + 1
    with pytest.raises(KeyError):
        known()

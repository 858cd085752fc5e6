"""Deployment strategies: parses `canary:10%/5m` and the like into UpdateEndpoint's DeploymentConfig.

Source: AWS's API reference, BlueGreenUpdatePolicy and RollingUpdatePolicy.
"""

from __future__ import annotations

import re
from typing import Any

_FORM = re.compile(r"(?P<kind>canary|linear|rolling):(?P<percent>[0-9]{1,3})%/(?P<count>[0-9]{1,5})(?P<unit>[smh])")
_UNITS_S = {"s": 1, "m": 60, "h": 3600}
_PERCENT = {"canary": (1, 50), "linear": (10, 50), "rolling": (5, 50)}
MOST_WAIT_S = 3600
ALL_AT_ONCE = "all-at-once"


class BadStrategy(Exception):
    """The text is not a valid strategy; the message says why."""


def read_strategy(text: str) -> dict[str, Any]:
    """Returns a DeploymentConfig. Raises BadStrategy."""
    if text == ALL_AT_ONCE:
        return _blue_green({"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0})
    found = _FORM.fullmatch(text)
    if found is None:
        raise BadStrategy(
            f"'{text}' is not a strategy; use all-at-once, canary:10%/5m, linear:20%/2m and rolling:50%/1m"
        )
    kind, percent, wait_s = found["kind"], int(found["percent"]), int(found["count"]) * _UNITS_S[found["unit"]]
    low, high = _PERCENT[kind]
    if not low <= percent <= high:
        raise BadStrategy(f"{kind} must be {low}% to {high}%, got {percent}%")
    if wait_s > MOST_WAIT_S:
        raise BadStrategy(f"{kind} waits at most {MOST_WAIT_S} s, got {wait_s} s")
    size = {"Type": "CAPACITY_PERCENT", "Value": percent}
    if kind == "rolling":
        return {"RollingUpdatePolicy": {"MaximumBatchSize": size, "WaitIntervalInSeconds": wait_s}}
    member = "CanarySize" if kind == "canary" else "LinearStepSize"
    return _blue_green({"Type": kind.upper(), "WaitIntervalInSeconds": wait_s, member: size})


def _blue_green(routing: dict[str, Any]) -> dict[str, Any]:
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": 0}}

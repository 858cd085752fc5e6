"""Locks: what they protect, how they may change, and the retention that a bucket gives."""

from __future__ import annotations

from typing import Any

import pytest

from sagewright.model.errors import AwsError
from sagewright.objects import locks
from sagewright.objects.contents import draft
from sagewright.objects.locks import COMPLIANCE, GOVERNANCE, HOLD, KIND, Retention
from sagewright.objects.placing import Properties
from sagewright.objects.rules import DAY_MS
from sagewright.store.objects.buckets import Bucket
from sagewright.store.objects.objects import Version

NOW = 1_000_000


def version(headers: dict[str, Any]) -> Version:
    return draft("b", "k", Properties(headers)).but(modified_ms=NOW)


@pytest.mark.parametrize(
    ("headers", "without", "with_bypass"),
    [
        ({}, False, False),
        ({HOLD: "ON"}, True, True),
        ({HOLD: "OFF"}, False, False),
        (Retention(GOVERNANCE, NOW + 1).headers, True, False),
        (Retention(COMPLIANCE, NOW + 1).headers, True, True),
        (Retention(COMPLIANCE, NOW).headers, False, False),
        (Retention(GOVERNANCE, NOW + 1).headers | {HOLD: "ON"}, True, True),
    ],
)
def test_what_a_lock_protects(headers: dict[str, Any], without: bool, with_bypass: bool) -> None:
    found = version(headers)
    assert (locks.protects(found, NOW, False), locks.protects(found, NOW, True)) == (without, with_bypass)


G, C = GOVERNANCE, COMPLIANCE


@pytest.mark.parametrize(
    ("kept", "wanted", "bypass", "allowed"),
    [
        (None, Retention(C, NOW + 1), False, True),
        (Retention(G, NOW + 5), Retention(G, NOW + 5), False, True),
        (Retention(G, NOW + 5), Retention(G, NOW + 4), False, False),
        (Retention(G, NOW + 5), Retention(G, NOW + 4), True, True),
        (Retention(G, NOW + 5), Retention(C, NOW + 9), False, False),
        (Retention(G, NOW + 5), None, False, False),
        (Retention(G, NOW + 5), None, True, True),
        (Retention(C, NOW + 5), Retention(C, NOW + 6), False, True),
        (Retention(C, NOW + 5), Retention(G, NOW + 9), True, False),
        (Retention(C, NOW + 5), None, True, False),
        (Retention(C, NOW - 1), None, False, True),
    ],
)
def test_a_retention_that_holds_gets_no_weaker(
    kept: Retention | None, wanted: Retention | None, bypass: bool, allowed: bool
) -> None:
    headers = {"ContentType": "x", HOLD: "OFF"} | (kept.headers if kept else {})
    if allowed:
        changed = locks.retained(headers, wanted, NOW, bypass)
        assert locks.retention(changed) == wanted
        assert (changed["ContentType"], changed[HOLD]) == ("x", "OFF")
    else:
        with pytest.raises(AwsError, match="protected by object lock"):
            locks.retained(headers, wanted, NOW, bypass)


def bucket(document: dict[str, Any] | None) -> Bucket:
    return Bucket("b", "0", "us-east-1", 0, "Enabled", {KIND: document} if document else {})


def test_a_bucket_s_retention_is_given_to_what_has_none() -> None:
    days = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": G, "Days": 2}}}
    given = locks.with_default(bucket(days), version({HOLD: "ON"}))
    assert (locks.retention(given.headers), given.headers[HOLD]) == (Retention(G, NOW + 2 * DAY_MS), "ON")
    own = version(Retention(C, NOW + 1).headers)
    assert locks.with_default(bucket(days), own) is own
    marker = version({}).but(delete_marker=True)
    assert locks.with_default(bucket(days), marker) is marker
    for none in (None, {"ObjectLockEnabled": "Enabled"}):
        assert locks.with_default(bucket(none), version({})).headers == {}

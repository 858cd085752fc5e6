"""Every check against the embedded server, started as a user starts it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from s3.check import Check, every_check
from s3.target import Target
from s3.verdict import KNOWN, judge

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "s3-conformance.md"
SOURCE = re.compile(
    r"API |Guide: |Recorded on AWS: |RFC \d+|" + "|".join(["AWS CLI", "s3fs", "pyarrow", "s3cmd", "rclone", "s5cmd"])
)
CHECKS = every_check()


@pytest.fixture(scope="session")
def embedded(server) -> Target:  # type: ignore[no-untyped-def]
    access, secret = server.key()
    return Target("Sagewright", server.endpoint, access, secret)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: f"{check.group}-{check.name.replace(' ', '_')}")
def test_check(check: Check, embedded: Target) -> None:
    if check.name in KNOWN:
        assert judge(check, embedded).fault, "passes: take it out of KNOWN"
    else:
        check.call(embedded)


def test_the_page_tells_of_every_check() -> None:
    """`make conformance` writes it."""
    page = PAGE.read_text()
    for check in CHECKS:
        assert f"| {check.name} | {check.source} |" in page, check.name


def test_no_two_checks_have_one_name() -> None:
    names = [check.name for check in CHECKS]
    assert len(set(names)) == len(names)


def test_every_check_cites_its_source() -> None:
    for check in CHECKS:
        assert SOURCE.match(check.source), check.name

"""Every check against Sagewright, started as a user starts it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from services.check import REFERENCES, Check, every_check
from services.target import Target
from services.verdict import KNOWN, judge

if TYPE_CHECKING:
    from conftest import RunningServer

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "conformance.md"
SOURCE = re.compile(r"API |Issue |SDK |ACK|moto |Recorded on AWS: |Developer guide|user guide")
CHECKS = every_check()


@pytest.fixture(scope="session")
def target(server: RunningServer) -> Target:
    return Target("Sagewright", server.endpoint, *server.key(), "000000000000")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: f"{check.service}-{check.name.replace(' ', '_')}")
def test_check(check: Check, target: Target) -> None:
    if check.name in KNOWN:
        assert judge(check, target).fault, "passes: take it out of KNOWN"
    else:
        check.call(target)


def test_the_page_tells_of_every_check() -> None:
    """`make conformance` writes it."""
    page = PAGE.read_text()
    for check in CHECKS:
        assert f"| {check.name} | {check.linked_source} |" in page, check.name


def test_every_check_cites_its_source() -> None:
    for check in CHECKS:
        assert SOURCE.match(check.source), check.name


def test_every_service_has_checks_with_names_of_their_own() -> None:
    names = [(check.service, check.name) for check in CHECKS]
    assert len(set(names)) == len(names)
    assert {service for service, _ in names} == set(REFERENCES)

"""Every served operation answers each broken constraint of its model with the code of its service."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from services.target import Target

from validation.judge import FORMS, ask, asked, camel, expected, operations

if TYPE_CHECKING:
    from conftest import RunningServer

UNNAMED = frozenset({"type", "missing", "token"})
"""Kinds whose message needs not name the member."""
OWN_WORDS = frozenset({"sqs"})


@pytest.mark.parametrize(("service", "name"), operations())
def test_wrong_requests(server: RunningServer, service: str, name: str) -> None:
    target, faults = Target("Sagewright", server.endpoint, *server.key(), "000000000000"), []
    for wrong in asked(service, name):
        described, code = ask(target, service, name, wrong), expected(service, name, wrong)
        if (described.status, described.code) != (400, code) or (service not in FORMS and described.header != code):
            faults.append(f"{wrong.name}: {described}, not {code}")
        elif wrong.kind not in UNNAMED and service not in OWN_WORDS and camel(wrong) not in described.message:
            faults.append(f"{wrong.name} is not named: {described.message[:160]}")
    assert not faults, "\n".join(faults)

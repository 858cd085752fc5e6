"""A server on which policies decide."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from tests.teams import Team

if TYPE_CHECKING:
    from conftest import RunningServer


@pytest.fixture(scope="module")
def team(server_with: Callable[..., RunningServer]) -> Team:
    return Team(server_with(SAGEWRIGHT_ACCESS="enforced"))

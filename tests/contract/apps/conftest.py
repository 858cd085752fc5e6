from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.contract.apps.lab import Studio

if TYPE_CHECKING:
    from conftest import RunningServer


@pytest.fixture(scope="module")
def studio(server: RunningServer) -> Studio:
    return Studio(server)

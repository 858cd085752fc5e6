"""The files of `deploy/` name settings that exist."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from sagewright.model.settings import PREFIX, Settings

DEPLOY = Path(__file__).parents[3] / "deploy"
OWN = {"SAGEWRIGHT_DB_PASSWORD", "SAGEWRIGHT_IMAGE"}
"""Variables of the compose file itself."""


@pytest.mark.parametrize("name", ["Containerfile", "compose.yaml"])
def test_every_variable_is_a_setting(name: str) -> None:
    named = set(re.findall(rf"\b{PREFIX}\w+", (DEPLOY / name).read_text())) - OWN
    assert named
    assert named <= {PREFIX + one.name.upper() for one in fields(Settings)}

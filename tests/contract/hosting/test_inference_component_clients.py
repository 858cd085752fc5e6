"""Inference components by the SDKs, as a user's programs use them, through `sagewright exec`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.components import Components

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import RunningServer

PROGRAMS = Path(__file__).parents[1] / "programs"


@pytest.fixture
def hosting(server: RunningServer) -> Iterator[Components]:
    with Components(server) as made:
        yield made


SAID = {
    "v2": [
        "endpoint True",
        "answers [[2.0]] [[3.0]]",
        "by name [[6.0]]",
        "listed ['v2-2', 'v2-3']",
        "updated 2 {'MinMemoryRequiredInMb': 256}",
        "answers [[2.0]]",
        "left []",
    ],
    "v3": [
        "deployed v3-components InService AllTraffic",
        "answered [[8.0]] AllTraffic",
        "copies 2 2",
        "found [True]",
        "left []",
    ],
}


@pytest.mark.sampled(1)
@pytest.mark.parametrize("version", SAID)
def test_the_sdk(hosting: Components, version: str) -> None:
    program = PROGRAMS / f"components_{version}.py"
    done = hosting.server.sdk_v2(program) if version == "v2" else hosting.server.sdk_v3(program)
    assert done.returncode == 0, done.stdout + done.stderr + hosting.server.log()
    said = [line.removeprefix("SAID ") for line in done.stdout.splitlines() if line.startswith("SAID ")]
    assert said == SAID[version]

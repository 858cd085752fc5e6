from __future__ import annotations

import sys
from pathlib import Path

from sagewright.sandbox.base import Launch
from sagewright.sandbox.layout import SandboxLayout
from sagewright.sandbox.stage import Stage


def places(tmp_path: Path, stage: Stage | None) -> list[str]:
    """Where bwrap mounts something below /etc."""
    launch = Launch(
        argv=["true"], directory=tmp_path, environ={}, host="algo-1", addresses={}, library=tmp_path,
        environment=Path(sys.prefix), readable=[],
    )  # fmt: skip
    options = SandboxLayout(launch, overlay=True, stage=stage).options()
    bound = [options[at + 2] for at, word in enumerate(options) if word in {"--bind", "--ro-bind"}]
    return [place for place in bound if place == "/etc" or place.startswith("/etc/")]


def test_a_stage_shows_etc_as_one_mount(tmp_path: Path) -> None:
    assert places(tmp_path, Stage()) == ["/etc"]


def test_without_a_stage_that_seals_each_part_of_etc_is_a_mount(tmp_path: Path) -> None:
    found = places(tmp_path, Stage(maps=False))
    assert {"/etc/passwd", "/etc/group", "/etc/hosts", "/etc/hostname"} <= set(found)
    assert places(tmp_path, None) == found
    assert "/etc" not in found

"""The choice of a sandbox, and that nothing undoes it later."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

import pytest

from sagewright.sandbox import choose
from sagewright.sandbox.base import Unavailable
from sagewright.sandbox.users import RANGE, claim_users


def test_auto_is_settled_when_the_server_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [choose.settled(setting, tmp_path) for setting in ("auto", "bwrap", "plain")] == ["bwrap", "bwrap", "plain"]

    def cannot(_scratch: Path) -> None:
        raise Unavailable("no process can be started now")

    monkeypatch.setattr(choose, "BwrapSandbox", cannot)
    assert choose.settled("auto", tmp_path) == "auto"
    assert choose.choose_sandbox("auto", tmp_path)[0].name == "plain"
    with pytest.raises(Unavailable):
        choose.choose_sandbox("bwrap", tmp_path)


def test_ranges_of_users_do_not_overlap() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root has users to give")
    claimed = [claim_users() for _ in range(20)]
    try:
        firsts = sorted(users.first for users in claimed)
        assert all(users.whole for users in claimed)
        assert all(later - earlier >= RANGE for earlier, later in pairwise(firsts))
    finally:
        for users in claimed:
            users.close()

from __future__ import annotations

import json
from pathlib import Path

from sagewright.agent.spool import Spool


def test_reports_come_out_in_order_and_the_file_shrinks(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    for seq in range(3):
        spool.append({"seq": seq})
    assert len(spool) > 0

    for seq in range(3):
        head = spool.head()
        assert head is not None
        assert spool.head() == head
        assert json.loads(head) == {"seq": seq}
        spool.drop_head()

    assert spool.head() is None
    assert len(spool) == (tmp_path / "spool").stat().st_size == 0
    spool.append({"seq": 3})
    assert json.loads(spool.head() or b"") == {"seq": 3}
    spool.close()


def test_the_file_stays_small_while_more_always_waits(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    for seq in range(300):
        spool.append({"seq": seq, "logs": "x" * 200_000})
        if seq >= 10:
            assert json.loads(spool.head() or b"")["seq"] == seq - 10
            spool.drop_head()
    assert (tmp_path / "spool").stat().st_size < 20_000_000
    for seq in range(290, 300):
        assert json.loads(spool.head() or b"")["seq"] == seq
        spool.drop_head()
    assert spool.head() is None
    spool.close()

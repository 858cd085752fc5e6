from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import orjson

from sagewright.agent.reports.spool import ReportSpool


def test_reports_come_out_in_order_and_the_file_shrinks(tmp_path: Path) -> None:
    spool = ReportSpool(tmp_path / "spool")
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
    spool = ReportSpool(tmp_path / "spool")
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


class FullDisk:
    """The spool's file, of which nothing more can be written once it is `full`; half of a report may be."""

    def __init__(self, file: Any) -> None:
        self._file, self.full = file, False

    def write(self, data: Any) -> int:
        if self.full:
            if len(data) > 8:
                return int(self._file.write(data[:8]))
            raise OSError(errno.ENOSPC, "No space left on device")
        return int(self._file.write(data))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def test_on_a_full_disk_reports_wait_in_memory_and_their_order_stays(tmp_path: Path) -> None:
    spool = ReportSpool(tmp_path / "spool")
    disk = spool._file = FullDisk(spool._file)  # type: ignore[assignment]
    spool.append({"seq": 1})
    disk.full = True
    spool.append({"seq": 2, "logs": [[0, "x" * (4 << 20)]]})
    assert spool.choked
    spool.append({"seq": 3, "logs": [[0, "lost"]], "exited": {"code": 0}})
    disk.full = False
    spool.append({"seq": 4})
    found = []
    while (head := spool.head()) is not None:
        found.append(orjson.loads(head))
        spool.drop_head()
    assert [report["seq"] for report in found] == [1, 2, 3, 4]
    assert found[2] == {"seq": 3, "exited": {"code": 0}}
    assert len(spool) == 0 and not spool.choked
    spool.append({"seq": 5})
    assert (tmp_path / "spool").stat().st_size > 0, "the disk is used again"
    spool.close()

"""Clients stop together where the room that is kept for running work begins."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from sagewright.model import disk_room
from sagewright.model.disk_room import ClientRoom, DiskRoom
from sagewright.model.errors import AwsError

MIB = 1 << 20


class Disk:
    """A file system of 100 MiB that fills as it is written to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free = 100 * MIB
        monkeypatch.setattr(
            disk_room.DiskRoom, "of", classmethod(lambda _cls, _directory: DiskRoom(100 * MIB, self.free))
        )


def test_writers_stop_at_the_floor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk, lock = Disk(monkeypatch), threading.Lock()
    room = ClientRoom(tmp_path)
    refused: list[AwsError] = []

    def write() -> None:
        try:
            while True:
                room.spend(256 * 1024)
                with lock:
                    disk.free -= 256 * 1024
        except AwsError as error:
            refused.append(error)

    writers = [threading.Thread(target=write) for _ in range(8)]
    for one in writers:
        one.start()
    for one in writers:
        one.join()
    assert disk.free >= 10 * MIB - 8 * 256 * 1024
    assert {error.status for error in refused} == {507}
    assert all(str(tmp_path) in error.message and "disk_reserve_mb" in error.message for error in refused)


def test_running_work_may_take_what_clients_leave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch)
    room = ClientRoom(tmp_path)
    disk.free = 7 * MIB
    with pytest.raises(AwsError, match="disk_reserve_mb"):
        room.spend(MIB)
    with disk_room.for_running_work():
        room.spend(MIB)
        with pytest.raises(AwsError, match=r"and 5242880 are kept for running work .setting disk_stop_mb"):
            room.spend(3 * MIB)
    with pytest.raises(AwsError, match="disk_reserve_mb"):
        room.spend(MIB)


def test_room_that_is_there_again_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(monkeypatch)
    room = ClientRoom(tmp_path)
    disk.free = MIB
    with pytest.raises(AwsError, match="1048576 bytes free, and 10485760 are kept"):
        room.spend(1)
    disk.free = 50 * MIB
    room.spend(1)

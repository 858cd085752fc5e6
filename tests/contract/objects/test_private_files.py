"""Nobody but the owner may open what is in the data directory, whatever the umask, and whatever an earlier version left there."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from tests.conftest import STORE, migrated_store

if TYPE_CHECKING:
    from conftest import RunningServer


def open_to_others(data: Path) -> list[str]:
    """Entries that the group or others may use; jobs run on environments as other users."""
    places = [data, *(place for place in data.iterdir() if place.name not in {"environments", "server.log"})]
    return [
        f"{place.name} {place.lstat().st_mode:o}" for place in places if stat.S_IMODE(place.lstat().st_mode) & 0o077
    ]


def test_files_are_private_under_any_umask(own_server: RunningServer) -> None:
    for name in ("jobs", "objects", "registry"):
        (own_server.data / name).mkdir(mode=0o755)
    shutil.copyfile(migrated_store(), own_server.data / STORE)
    for path in own_server.data.iterdir():
        path.chmod(0o755 if path.is_dir() else 0o644)
    own_server.by_command = True
    before = os.umask(0)
    try:
        own_server.start()
    finally:
        os.umask(before)
    s3 = own_server.boto("s3")
    s3.create_bucket(Bucket="private")
    s3.put_object(Bucket="private", Key="a", Body=bytes(1 << 20))
    assert {f"{STORE}-wal", f"{STORE}-shm"} <= {path.name for path in own_server.data.iterdir()}
    assert open_to_others(own_server.data) == []
    own_server.run_shell("job", "true")
    assert own_server.wait("job")["TrainingJobStatus"] == "Completed"
    assert open_to_others(own_server.data) == []

"""Jobs that wait for disk space before their hosts are launched."""

from __future__ import annotations

from sagewright.model.disk_room import DiskRoom
from sagewright.model.settings import Settings

WAITS = "Waiting for disk space"


def lacks_disk(settings: Settings) -> str:
    """Returns why no host can be launched here now, or "" if one can. Hosts on other machines have their own disks."""
    if settings.backend != "local":
        return ""
    room = DiskRoom.of(settings.data)
    floor = room.host_floor(settings.disk_stop_mb)
    if room.free >= floor:
        return ""
    return f"the disk of {settings.data} has {room.free} bytes free, and jobs start from {floor} on (setting disk_stop_mb)."

"""Archives of a job's outputs: made from its directories, and unpacked over them where several hosts contribute parts."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from sagewright.agent.disk import FULL, Disk, SpendingFile, gib
from sagewright.agent.errors import ClientError
from sagewright.agent.outputs.skipped_files import LeftOut
from sagewright.jobfiles.directory import JobDirectory
from sagewright.jobfiles.unpacking import unpack
from sagewright.jobfiles.walking import WalkEntry

LONGEST_PATH = 4000
"""Maximum bytes of a member's path: no program could create a longer one when unpacking."""
_COMPRESSION = 1  # models are mostly noise to gzip: higher levels cost seconds and save little
_BUFFER = 1 << 20


@dataclass(frozen=True)
class DeliveryContext:
    """Common parameters of all deliveries of a job's files.

    check: raises to give up; allow: called with the number of bytes to deliver; limit: the maximum bytes that a host may deliver,
    and a description of that limit; log: writes a line to the job's log.
    """

    disk: Disk
    check: Callable[[], None]
    allow: Callable[[int], None]
    limit: tuple[int, str]
    log: Callable[[str], None]

    def claim(self, size: int, what: str) -> None:
        """Admits a delivery of `size` bytes. Raises ClientError if that is more than the host could have."""
        self.hold(size, what)
        self.allow(size)

    def hold(self, size: int, what: str) -> None:
        most, words = self.limit
        if size > most:
            raise ClientError(f"Artifact upload failed:{FULL}: {what} has {gib(size)}, and {words}.")


def apparent_size(directory: JobDirectory, check: Callable[[], None]) -> int:
    """Returns the bytes read from all files; holes count as the bytes read."""
    return sum(entry.status.st_size for entry in directory.walk(check) if entry.is_file)


def pack(
    directory: JobDirectory | None, archive: Path, compressed: bool, delivery: DeliveryContext, left_out: LeftOut
) -> None:
    """Makes a tar of the directory's contents, members at its root; an empty one if there is no directory.

    Links are stored as links, and not followed; sockets, pipes and devices are skipped. Everything is owned by root, and nothing is
    set-uid. Raises OSError.
    """
    with archive.open("wb") as raw:
        # mypy knows tarfile's modes only as separate literals.
        file = cast(IO[bytes], SpendingFile(raw, delivery.disk))
        if compressed:
            with tarfile.open(fileobj=file, mode="w:gz", compresslevel=_COMPRESSION, encoding="utf-8") as tar:
                _add_all(tar, directory, delivery, left_out)
        else:
            with tarfile.open(fileobj=file, mode="w", encoding="utf-8") as tar:
                _add_all(tar, directory, delivery, left_out)


def _add_all(
    tar: tarfile.TarFile, directory: JobDirectory | None, delivery: DeliveryContext, left_out: LeftOut
) -> None:
    if directory is None:
        return
    tar.copybufsize = _BUFFER  # type: ignore[attr-defined] # an attribute of every TarFile since 3.7
    names: dict[tuple[int, int], str] = {}
    for entry in directory.walk(delivery.check):
        if entry.path_bytes > LONGEST_PATH:
            left_out.add(f"their paths are longer than {LONGEST_PATH} bytes", entry)
        elif entry.is_file or entry.is_directory or entry.is_link:
            _add(tar, entry, names, delivery)
        else:
            left_out.add("no files (sockets, pipes and devices)", entry)
        tar.members.clear()  # type: ignore[attr-defined] # kept for readers, and there may be millions


def _add(tar: tarfile.TarFile, entry: WalkEntry, names: dict[tuple[int, int], str], delivery: DeliveryContext) -> None:
    member = tarfile.TarInfo(entry.path)
    member.mode, member.mtime = entry.status.st_mode & 0o777, int(entry.status.st_mtime)
    member.uname = member.gname = "root"
    if entry.is_directory:
        member.type = tarfile.DIRTYPE
        tar.addfile(member)
    elif entry.is_link:
        member.type, member.linkname = tarfile.SYMTYPE, entry.link_text()
        tar.addfile(member)
    elif entry.identity in names:
        member.type, member.linkname = tarfile.LNKTYPE, names[entry.identity]
        tar.addfile(member)
    else:
        if entry.status.st_nlink > 1:
            names[entry.identity] = member.name
        with entry.open(delivery.check) as file:
            member.size = file.size
            tar.addfile(member, cast(IO[bytes], file))


def merge(archive: Path, directory: JobDirectory, delivery: DeliveryContext) -> None:
    """Unpacks another host's part over a directory: the last writer wins. Raises BadArchive, OSError."""
    unpacked = 0

    def spend(size: int) -> None:
        nonlocal unpacked
        unpacked += size
        delivery.check()
        delivery.hold(unpacked, "what another host left")
        delivery.disk.spend(size)

    unpack(archive, directory, spend)

"""A channel as a directory: every object is a file, either a hard link to the object store's file or a copy of it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sagewright.agent.disk import Disk
from sagewright.agent.errors import ClientError
from sagewright.agent.inputs.channels import ChannelMember
from sagewright.agent.inputs.sources import ObjectSource, Stored
from sagewright.agent.parallel import for_each
from sagewright.agent.s3 import CONNECTIONS, JobS3
from sagewright.jobfiles.descriptors import write_all

_ATTEMPTS = 5
_LONGEST_NAME = 255
_PIECE = 64 << 20
_NO_LINK = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS}


@dataclass(frozen=True)
class PlacedFile:
    """A file of a tree under construction."""

    stored: Stored
    target: str


class TreeMaker:
    """Fills directories. Raises ClientError for keys that cannot be paths, S3Failed, OSError."""

    def __init__(self, source: ObjectSource, s3: JobS3, check: Callable[[], None]) -> None:
        """`check` is called periodically, and raises to give up."""
        self._source, self._s3, self._check = source, s3, check

    def link(self, members: Sequence[ChannelMember], directory: Path) -> str | None:
        """Makes hard links to local objects; if the file system does not support them, copies the rest and returns the reason.

        An object that is deleted or replaced later stays unchanged in `directory`.
        """
        places = place(members, directory)
        for position, placed in enumerate(places):
            if (reason := self._link(placed)) is not None:
                self._copy_all(places[position:])
                return reason
        return None

    def pin(self, members: Sequence[ChannelMember], directory: Path) -> str | None:
        """Links like `link`, but without copies: returns the reason of a failure, and some of the links may exist."""
        return next(filter(None, map(self._link, place(members, directory))), None)

    def copy(self, members: Sequence[ChannelMember], directory: Path) -> None:
        """Makes copies, several at a time."""
        self._copy_all(place(members, directory))

    def _copy_all(self, places: Iterable[PlacedFile]) -> None:
        for_each(places, self._copy, self._check, CONNECTIONS)

    def _link(self, placed: PlacedFile) -> str | None:
        """Makes a link; returns why it is not possible, or None."""
        self._check()
        stored = placed.stored
        for attempt in range(_ATTEMPTS):
            assert stored.file is not None
            try:
                os.link(stored.file, placed.target)
                break
            except FileNotFoundError:
                # The object was deleted or replaced since it was listed, unless the directory itself is missing.
                if attempt == _ATTEMPTS - 1 or not Path(placed.target).parent.exists():
                    raise
                (stored,) = self._source.find([(stored.bucket, stored.key)])
            except OSError as error:
                if error.errno not in _NO_LINK:
                    raise
                return str(error.strerror)
        return None

    def _copy(self, placed: PlacedFile) -> None:
        stored, target = placed.stored, Path(placed.target)
        if stored.file is not None:
            try:
                copy_file(Path(stored.file), target, self._check, Disk(target.parent))
                return
            except FileNotFoundError:  # as above; S3 has the current state
                pass
        self._s3.download(stored.bucket, stored.key, target)


def copy_file(source: Path, target: Path, check: Callable[[], None], disk: Disk) -> None:
    """Copies in the kernel: where the file system supports it, the copy shares the bytes until one of them changes. Raises OSError,
    including DiskFull."""
    with source.open("rb", buffering=0) as read, target.open("wb", buffering=0) as write:
        left = os.fstat(read.fileno()).st_size
        try:
            while left and (copied := os.copy_file_range(read.fileno(), write.fileno(), min(left, _PIECE))):
                left -= copied
                check()
                disk.spend(copied)
        except OSError as error:
            if error.errno not in {*_NO_LINK, errno.EINVAL}:
                raise
            while piece := read.read(1 << 20):
                check()
                disk.spend(len(piece))
                write_all(write.fileno(), piece)


def place(members: Sequence[ChannelMember], directory: Path) -> list[PlacedFile]:
    """Returns the path of each object; makes the directories. Raises ClientError if two of them need the same name."""
    files, folders = layout(members)
    directory.mkdir(parents=True, exist_ok=True)
    for folder in sorted(folders):
        (directory / folder).mkdir(exist_ok=True)
    return [PlacedFile(stored, f"{directory}/{path}") for path, stored in files.items()]


def layout(members: Sequence[ChannelMember]) -> tuple[dict[str, Stored], set[str]]:
    """Returns files by path, and all folders. Raises ClientError if two objects need the same name."""
    files: dict[str, Stored] = {}
    folders = {""}
    for member in members:
        path = safe_path(member)
        if path in files:
            raise _clash(member.stored, files[path])
        files[path] = member.stored
        folder = path
        while folder:
            folder = folder.rpartition("/")[0]
            if folder in folders:
                break
            folders.add(folder)
    for path, stored in files.items():
        if path in folders:
            below = next(other for name, other in files.items() if name.startswith(path + "/"))
            raise _clash(stored, below)
    return files, folders


def safe_path(member: ChannelMember) -> str:
    """Returns the path below the channel's directory; empty and `.` components of the key are dropped."""
    parts = [part for part in member.path.split("/") if part not in {"", "."}]
    if ".." in parts or not parts or "\0" in member.path:
        raise ClientError(
            f"Data download failed:the key of {member.stored.uri} would lead out of the channel's directory"
        )
    if any(len(part.encode(errors="replace")) > _LONGEST_NAME for part in parts):
        raise ClientError(
            f"Data download failed:a step of the key of {member.stored.uri} is longer than {_LONGEST_NAME} bytes, the limit "
            f"for file names"
        )
    return "/".join(parts)


def _clash(one: Stored, other: Stored) -> ClientError:
    return ClientError(
        f"Data download failed:{one.uri} and {other.uri} cannot both be files of one directory; "
        "put them into separate channels or use Pipe mode"
    )

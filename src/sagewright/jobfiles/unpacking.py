"""Unpacks a tar over a directory of a job, by descriptors: whatever the archive contains, nothing outside is touched."""

from __future__ import annotations

import os
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path

from sagewright.jobfiles.descriptors import steps, write_all
from sagewright.jobfiles.directory import JobDirectory

_BUFFER = 1 << 20


class BadArchive(Exception):
    """The file is not a valid archive; the message says why."""


def unpack(
    archive: Path, directory: JobDirectory, spend: Callable[[int], None], *, below: int = 0, replace: bool = True
) -> None:
    """Unpacks only files, directories and links, beneath the directory and through no link.

    spend: called with the size of the next bytes, raises to give up; below: number of leading steps of each path to drop; replace:
    True if members replace existing files, otherwise those stay. Raises BadArchive, OSError.
    """
    try:
        with tarfile.open(archive, encoding="utf-8") as tar:
            while (member := tar.next()) is not None:
                spend(0)
                _unpack(tar, _shortened(member, below), directory, spend, replace=replace)
                tar.members.clear()  # type: ignore[attr-defined] # kept for readers, and there may be millions
    except (tarfile.TarError, ValueError, OverflowError, EOFError, zlib.error) as error:
        raise BadArchive(f"it cannot be unpacked: {error}") from error


def _shortened(member: tarfile.TarInfo, below: int) -> tarfile.TarInfo:
    if below:
        member.name = "/".join(member.name.split("/")[below:])
        if member.islnk():
            member.linkname = "/".join(member.linkname.split("/")[below:])
    return member


def _unpack(
    tar: tarfile.TarFile,
    member: tarfile.TarInfo,
    directory: JobDirectory,
    spend: Callable[[int], None],
    *,
    replace: bool,
) -> None:
    if not member.name:
        return
    steps(member.name)
    if member.isdir():
        directory.make(member.name).close()
    elif not replace and directory.has(member.name):
        return
    elif member.issym():
        directory.link(member.name, member.linkname)
    elif member.islnk():
        directory.hard_link(member.name, member.linkname)
    elif (source := tar.extractfile(member)) is not None:
        with directory.writing(member.name) as file:
            while piece := source.read(_BUFFER):
                spend(len(piece))
                write_all(file, piece)
            os.fchmod(file, member.mode & 0o777)

"""Unpacks a tar over a directory of a job, by descriptors: whatever the archive says, nothing outside is touched."""

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
    """What was to be unpacked is no archive that could be; the message says why."""


def unpack(
    archive: Path, directory: JobDirectory, spend: Callable[[int], None], *, below: int = 0, replace: bool = True
) -> None:
    """Only files, directories and links are unpacked, beneath the directory and through no link.

    spend: is told how many bytes come next, and raises to give up; below: so many first steps of each path are left out;
    replace: what has a member's name already gives way to it, else it stays. Raises BadArchive, OSError.
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

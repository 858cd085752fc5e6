"""Copies folders that users write to while they are copied, such as the homes of notebooks.

Nothing of theirs is followed or run: links are copied as links, and pipes, sockets and devices are left out.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
from pathlib import Path

from sagewright.jobfiles.directory import JobDirectory
from sagewright.jobfiles.walking import WalkEntry

LONGEST = 3000
"""Bytes of the longest path that is copied: a restore opens paths whole."""
NAMED = 1000
"""Maximum number of omitted entries that a message names."""
_OWN = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.EFBIG}
"""Errors that are the backup's, not the folder's."""
log = logging.getLogger("sagewright.backups")


def copy_folder(source: Path, to: Path) -> list[str]:
    """Copies a folder to a new one. Returns the first paths that were left out: files that changed or could not be
    read, special files, and levels that are too deep. Raises OSError."""
    to.mkdir(mode=0o700)
    left: list[str] = []

    def note(path: str) -> None:
        if len(left) < NAMED:
            left.append(path)

    with JobDirectory.at(source) as read, JobDirectory.at(to) as written:
        os.fchmod(written.descriptor, _mode(os.fstat(read.descriptor)))
        for entry in read.walk(_never, lambda error: note(str(error.filename))):
            if entry.path_bytes > LONGEST:
                note(f"{entry.name} (its path has more than {LONGEST} bytes)")
                continue
            try:
                if not _copied(entry, written):
                    note(entry.path)
            except OSError as error:
                if error.errno in _OWN:
                    raise
                note(entry.path)
    if left:
        more = f" and {'at least ' * (len(left) == NAMED)}{len(left) - 1} more" if len(left) > 1 else ""
        log.warning("The backup leaves out %r of %s%s.", left[0], source, more)
    return left


def _never() -> None:
    """The check of a walk that a backup's own time ends."""


def _copied(entry: WalkEntry, to: JobDirectory) -> bool:
    """Copies one entry. Returns False for an entry that is neither a file, nor a directory, nor a link."""
    if entry.is_directory:
        with to.make(entry.path) as made:
            os.fchmod(made.descriptor, _mode(entry.status) | stat.S_IRWXU)
    elif entry.is_link:
        to.link(entry.path, entry.link_text())
    elif entry.is_file:
        with entry.open(_never) as file, to.writing(entry.path) as target:
            file.copy_to(target, lambda _size: None)
            os.fchmod(target, _mode(file.status))
            os.utime(target, ns=(file.status.st_atime_ns, file.status.st_mtime_ns))
    else:
        return False
    return True


def _mode(status: os.stat_result) -> int:
    return status.st_mode & 0o777

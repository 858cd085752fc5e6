"""`python -m sagewright.toolkit.unpacking ARCHIVE DIRECTORY BYTES`: unpacks a tar where it can only harm its sandbox.

Exits with status 1 and a message if it is not an archive, leads out of the directory, or contains more than BYTES bytes.
"""

from __future__ import annotations

import sys
import tarfile
import zlib

MOST_MEMBERS = 1_000_000


class ArchiveRefused(Exception):
    """The archive was refused; the message contains the reason."""


def unpack(archive: str, directory: str, most: int) -> None:
    """Raises ArchiveRefused."""
    left = most
    try:
        with tarfile.open(archive) as tar:
            for number, member in enumerate(tar):
                left -= member.size if member.isreg() else 512
                if left < 0 or number >= MOST_MEMBERS:
                    raise ArchiveRefused("The model data archive is too large.")
                if hasattr(tarfile, "data_filter"):
                    tar.extract(member, directory, filter="data")
                else:  # an old Python: this is inside a sandbox
                    tar.extract(member, directory)
    except (tarfile.TarError, OSError, EOFError, ValueError, zlib.error, OverflowError) as error:
        raise ArchiveRefused(f"It can't be unpacked: {error}") from error


if __name__ == "__main__":
    try:
        unpack(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    except ArchiveRefused as refused:
        print(refused, flush=True)
        sys.exit(1)

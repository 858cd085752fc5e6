"""A function's archive, unpacked where it can only harm its sandbox."""

from __future__ import annotations

import stat
import zipfile
import zlib
from pathlib import Path

MOST_BYTES = 250 << 20
"""Maximum unpacked size in bytes. Source: AWS's guide, "Lambda quotas"."""
MOST_MEMBERS = 100_000


class FunctionArchiveRefused(Exception):
    """The archive was refused; the message contains the reason."""


def unpack(archive: Path, directory: Path) -> None:
    """Raises FunctionArchiveRefused, OSError. Names that lead out of `directory` are kept inside it: zipfile ensures that."""
    directory.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(archive) as opened:
            members = opened.infolist()
            if len(members) > MOST_MEMBERS or sum(one.file_size for one in members) > MOST_BYTES:
                raise FunctionArchiveRefused(f"it has more than {MOST_BYTES} bytes or {MOST_MEMBERS} files unpacked")
            for member in members:
                made = Path(opened.extract(member, str(directory)))
                mode = member.external_attr >> 16
                if made.is_file() and mode & stat.S_IXUSR:
                    made.chmod(0o755)
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, NotImplementedError, RuntimeError) as error:
        raise FunctionArchiveRefused(str(error)) from error

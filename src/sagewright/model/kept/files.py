"""Files beside Python's own bytecode, for what an earlier process derived from an installed package: whole or absent, and written
only where Python writes bytecode."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import tempfile
from importlib.util import MAGIC_NUMBER, cache_from_source
from pathlib import Path

import sagewright

_DIGEST = 16


class KeptFile:
    """The file `name`, of this version of Python. `origin`: what its content depends on besides; a file of another is as none."""

    def __init__(self, name: str, origin: bytes = b"") -> None:
        bytecode = Path(cache_from_source(sagewright.__file__))
        stem, _, suffix = name.rpartition(".")
        self.path = bytecode.with_name(f"{stem}{bytecode.stem.removeprefix('__init__')}.{suffix}")
        self._origin = digest(MAGIC_NUMBER + origin)

    def read(self) -> bytes | None:
        """Returns the content; None if there is no file, or it is damaged or of another origin."""
        try:
            content = self.path.read_bytes()
        except OSError:
            return None
        kept = content[2 * _DIGEST :]
        return kept if content[: 2 * _DIGEST] == self._origin + digest(kept) else None

    def write(self, content: bytes) -> None:
        """Replaces the file; without effect where it can't be written."""
        if not sys.dont_write_bytecode:
            with contextlib.suppress(OSError):
                self._replace(self._origin + digest(content) + content)

    def _replace(self, content: bytes) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self.path.parent, delete=False) as file:
            made = Path(file.name)
            try:
                os.fchmod(file.fileno(), 0o644)  # as bytecode is
                file.write(content)
                file.close()
                made.replace(self.path)
            except OSError:
                made.unlink()
                raise


def digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_DIGEST).digest()

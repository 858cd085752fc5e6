"""Files of an npm package, put into this Python's packages: `npmfiles URL SHA256 MODULE FILE…`.

Nothing of the package is run. Its archive is read only after its digest was checked, and only the named files are kept, in the
folder MODULE. The program imports only the standard library, so any environment can run it.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import sysconfig
import tarfile
import tempfile
import urllib.request
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

MOST_BYTES = 1 << 30
"""Maximum size of an archive, and of all files that are kept."""
_MOST_MEMBERS = 100_000
_SILENCE_S = 20
_CHUNK = 1 << 20
_ROOT = "package/"
"""The folder of an npm archive with the package's files."""


class NpmFailed(RuntimeError):
    """The files cannot be had; the message says why."""


def main(arguments: Sequence[str]) -> int:
    url, digest, module, *names = arguments
    try:
        with tempfile.TemporaryFile() as archive:
            fetch(url, digest, archive)
            unpack(archive, Path(sysconfig.get_path("purelib")) / module, names)
    except NpmFailed as error:
        print(f"npm package {url}: {error}", file=sys.stderr)
        return 1
    return 0


def fetch(url: str, digest: str, archive: IO[bytes]) -> None:
    """Downloads the archive and leaves `archive` at its begin. Raises NpmFailed."""
    if urlsplit(url).scheme not in {"https", "http"}:
        raise NpmFailed("only http and https are supported")
    found, size = hashlib.sha256(), 0
    try:
        with urllib.request.urlopen(url, timeout=_SILENCE_S) as answer:  # noqa: S310
            while chunk := answer.read(_CHUNK):
                size += len(chunk)
                if size > MOST_BYTES:
                    raise NpmFailed(f"it has more than {MOST_BYTES} bytes")
                found.update(chunk)
                archive.write(chunk)
    except (OSError, ValueError, HTTPException) as error:
        raise NpmFailed(f"it cannot be fetched: {error}") from error
    if found.hexdigest() != digest:
        raise NpmFailed(f"it has the sha256 {found.hexdigest()}, not {digest}")
    archive.seek(0)


def unpack(archive: IO[bytes], folder: Path, names: Sequence[str]) -> None:
    """Writes the named files of the package into `folder`, and makes that an importable package. Raises NpmFailed."""
    missing, left = {f"{_ROOT}{name}": name for name in names}, MOST_BYTES
    try:
        with tarfile.open(fileobj=archive, mode="r|gz") as opened:
            for number, member in enumerate(opened):
                if not missing or number >= _MOST_MEMBERS:
                    break
                name = missing.pop(member.name, None)
                if name is None:
                    continue
                left -= member.size
                source = opened.extractfile(member) if member.isreg() and left >= 0 else None
                if source is None:
                    raise NpmFailed(f"{name} is not a file, or the files have more than {MOST_BYTES} bytes")
                _write(source, folder / name)
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise NpmFailed(f"it cannot be read: {error}") from error
    if missing:
        raise NpmFailed(f"it lacks {', '.join(missing.values())}")
    (folder / "__init__.py").write_text('"""Files of an npm package."""\n')


def _write(source: IO[bytes], target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as stream:
        shutil.copyfileobj(source, stream)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

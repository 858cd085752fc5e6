"""The user's code: fetches sagemaker_submit_directory from S3 for the toolkit to unpack, and reads its requirements.

Nothing of it is opened here: an archive is as untrusted as the program in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from sagewright.agent.disk import Disk
from sagewright.agent.errors import ClientError
from sagewright.agent.hostfile import HostFile
from sagewright.agent.inputs.directories import copy_file
from sagewright.agent.inputs.sources import find_objects
from sagewright.agent.optml import OptMl
from sagewright.agent.s3 import JobS3, S3Failed, parse_uri
from sagewright.model.clock import now_ms
from sagewright.runtimes.images import resolve_image
from sagewright.runtimes.launch import submitted_code
from sagewright.runtimes.npmpackages import npm_packages

# A requirement with only name, version and marker: it does not depend on other files of the code.
_BY_NAME = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}\s{0,9}(\[[^\[\]]{0,500}\])?\s{0,9}([<>=!~(;,][^\r\n]{0,2000})?"
)


QUICK_BYTES = 8 << 20
"""Size up to which a copy of the archive takes no time worth another thread."""


def known_code(host: HostFile) -> Path | None:
    """Returns the file with the archive that the server named when it launched the host, a moment ago; None if it named none."""
    return Path(host.code_file) if host.code_file and now_ms() < host.code_until_ms else None


def is_quick(host: HostFile) -> bool:
    """True if `fetch_code` only copies a small file of this machine."""
    known = known_code(host)
    try:
        return known is not None and known.stat().st_size <= QUICK_BYTES
    except OSError:
        return False


def fetch_code(host: HostFile, ml: OptMl, s3: JobS3, check: Callable[[], None]) -> None:
    """Fetches the archive with the user's code; without an S3 client if the embedded store is on this machine. Does nothing if it
    is not in S3. `check` raises to give up.

    Raises ClientError.
    """
    given = submitted_code(resolve_image(host.brief.program.image), host.brief)
    if not given:
        return
    known = known_code(host)
    try:
        ml.archive.parent.mkdir(exist_ok=True)
        if known is not None:
            with suppress(FileNotFoundError):  # the object was replaced, and the launch took its time
                copy_file(known, ml.archive, check, Disk(ml.root, host.disk_stop_mb))
                return
        (stored,) = find_objects(host, s3, check, [parse_uri(given)])
        if stored.file is not None:
            copy_file(Path(stored.file), ml.archive, check, Disk(ml.root, host.disk_stop_mb))
        else:
            s3.download(stored.bucket, stored.key, ml.archive)
    except (S3Failed, ValueError, OSError) as error:
        raise ClientError(f"Cannot get the code of the job from {given}: {error}") from error


def named_requirements(text: str) -> str | None:
    """Returns the requirements of a requirements.txt if every line names a package of an index or of npm; otherwise None."""
    lines = [line.split(" #")[0].strip() for line in text.splitlines()]
    requested = [line for line in lines if line and not line.startswith("#")]
    if not all(_BY_NAME.fullmatch(line) for line in requested):
        return None
    requested += [package.line for package in npm_packages(text)]
    return "\n".join(requested) + "\n" if requested else None

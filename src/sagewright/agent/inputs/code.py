"""The user's code: fetches sagemaker_submit_directory from S3 for the toolkit to unpack, and reads its requirements.

Nothing of it is opened here: an archive is as untrusted as the program in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from sagewright.agent.disk import Disk
from sagewright.agent.errors import ClientError
from sagewright.agent.hostfile import HostFile
from sagewright.agent.inputs.directories import copy_file
from sagewright.agent.inputs.sources import find_objects
from sagewright.agent.optml import OptMl
from sagewright.agent.s3 import JobS3, S3Failed, parse_uri
from sagewright.model.jobs.brief import Purpose
from sagewright.runtimes.npmpackages import npm_packages

# A requirement with only name, version and marker: it does not depend on other files of the code.
_BY_NAME = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}\s{0,9}(\[[^\[\]]{0,500}\])?\s{0,9}([<>=!~(;,][^\r\n]{0,2000})?"
)


def fetch_code(host: HostFile, ml: OptMl, s3: JobS3, check: Callable[[], None]) -> None:
    """Fetches the archive that the hyperparameter (for a model: the variable) names; without an S3 client if the embedded store
    is on this machine. Does nothing if it names none in S3. `check` raises to give up.

    Raises ClientError.
    """
    brief = host.brief
    given = (
        brief.environment.get("SAGEMAKER_SUBMIT_DIRECTORY", "")
        if brief.program.purpose == Purpose.SERVE
        else decode(brief.hyperparameters.get("sagemaker_submit_directory", ""))
    )
    if not given.startswith(("s3://", "https://")):
        return
    try:
        (stored,) = find_objects(host, s3, check, [parse_uri(given)])
        ml.archive.parent.mkdir(exist_ok=True)
        if stored.file is not None:
            copy_file(Path(stored.file), ml.archive, check, Disk(ml.root, host.disk_stop_mb))
        else:
            s3.download(stored.bucket, stored.key, ml.archive)
    except (S3Failed, ValueError, OSError) as error:
        raise ClientError(f"Cannot get the code of the job from {given}: {error}") from error


def decode(value: str) -> str:
    """Returns a hyperparameter's string: SDK v2 encodes it as JSON, other clients send it as is."""
    try:
        decoded = json.loads(value)
    except ValueError:
        return value
    return decoded if isinstance(decoded, str) else value


def named_requirements(text: str) -> str | None:
    """Returns the requirements of a requirements.txt if every line names a package of an index or of npm; otherwise None."""
    lines = [line.split(" #")[0].strip() for line in text.splitlines()]
    requested = [line for line in lines if line and not line.startswith("#")]
    if not all(_BY_NAME.fullmatch(line) for line in requested):
        return None
    requested += [package.line for package in npm_packages(text)]
    return "\n".join(requested) + "\n" if requested else None

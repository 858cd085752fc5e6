"""The user's code: sagemaker_submit_directory from S3 into /opt/ml/code."""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Callable
from pathlib import Path

from sagewright.agent.errors import ClientError
from sagewright.agent.hostfile import HostFile
from sagewright.agent.optml import OptMl
from sagewright.agent.s3 import JobS3, S3Failed, parse_uri
from sagewright.agent.sources import choose_source

# A requirement by name, version and marker alone: what it leads to does not depend on other files of the code.
_BY_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*\s*(\[[^\]]*\])?\s*([<>=!~(;,].*)?$")


def fetch_code(host: HostFile, ml: OptMl, s3: JobS3, check: Callable[[], None]) -> None:
    """Unpack the archive that the hyperparameter names, beside the embedded store without a client of S3's; nothing if it
    names none in S3. `check` raises to give up.

    Raises ClientError.
    """
    given = decode(host.hyperparameters.get("sagemaker_submit_directory", ""))
    if not given.startswith("s3://"):
        return
    archive = host.directory / "code.tar.gz"
    try:
        (stored,) = choose_source(host, s3, check).find([parse_uri(given)])
        if stored.file is not None:
            archive.symlink_to(stored.file)
        else:
            s3.download(stored.bucket, stored.key, archive)
        unpack(archive, ml.code)
    except (S3Failed, ValueError, OSError, tarfile.TarError) as error:
        raise ClientError(f"Cannot get the code of the job from {given}: {error}") from error
    finally:
        archive.unlink(missing_ok=True)


def decode(value: str) -> str:
    """A hyperparameter's string: SDK v2 writes it as JSON, others as it is."""
    try:
        decoded = json.loads(value)
    except ValueError:
        return value
    return decoded if isinstance(decoded, str) else value


def unpack(archive: Path, directory: Path) -> None:
    """Members that would lead out of the directory, and devices, are refused. Raises TarError, OSError."""
    with tarfile.open(archive) as tar:
        tar.extractall(directory, filter="data")


def requirements_to_install(code: Path) -> str | None:
    """The text of requirements.txt if an environment can be made from it alone.

    None if there is none, or if it names other files: then the toolkit installs it inside the job.
    """
    file = code / "requirements.txt"
    if not file.is_file():
        return None
    text = file.read_text(errors="replace")
    lines = [line.split(" #")[0].strip() for line in text.splitlines()]
    wanted = [line for line in lines if line and not line.startswith("#")]
    if not wanted or not all(_BY_NAME.match(line) for line in wanted):
        return None
    return "\n".join(wanted) + "\n"

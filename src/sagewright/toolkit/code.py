"""The archive of the user's code, which the agent has downloaded: unpacked here, where it can only harm the job."""

from __future__ import annotations

import tarfile
import zlib
from pathlib import Path

from sagewright.toolkit.config import JobConfig
from sagewright.toolkit.errors import CodeError


def unpack_code(config: JobConfig, archive: Path) -> None:
    """Raises CodeError."""
    unpack_archive(archive, config.code, config.reserved.get("sagemaker_submit_directory", ""))


def unpack_archive(archive: Path, target: Path, given: object) -> None:
    """Refuses members outside of the directory, and devices. `given`: its name in messages. Raises CodeError."""
    try:
        target.mkdir(parents=True, exist_ok=True)
        with tarfile.open(str(archive)) as tar:
            if hasattr(tarfile, "data_filter"):
                tar.extractall(str(target), filter="data")
            else:  # an old Python: this is inside the sandbox
                tar.extractall(str(target))  # noqa: S202
    except (tarfile.TarError, OSError, EOFError, ValueError, zlib.error) as error:
        raise CodeError(f"Cannot get the code of the job from {given}: {error}") from error

"""The archive of the user's code, which the agent has put beside it: unpacked here, where only the job can be hurt by it."""

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
    """Members that would lead out of the directory, and devices, are refused. `given`: how messages call it. Raises CodeError."""
    try:
        target.mkdir(parents=True, exist_ok=True)
        with tarfile.open(str(archive)) as tar:
            if hasattr(tarfile, "data_filter"):
                tar.extractall(str(target), filter="data")
            else:  # an old Python: this is inside the sandbox
                tar.extractall(str(target))  # noqa: S202
    except (tarfile.TarError, OSError, EOFError, ValueError, zlib.error) as error:
        raise CodeError(f"Cannot get the code of the job from {given}: {error}") from error

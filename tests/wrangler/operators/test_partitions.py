"""Operators on tables that do not fit in memory: the same rows, in the same order, and the same fitted values as in memory."""

from __future__ import annotations

import itertools
import json
import random
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from flowfiles import node, tool
from polars.testing import assert_frame_equal
from tables import drawn

from sagewright.wrangler.engine import FlowEngine, Workspace
from sagewright.wrangler.errors import StepError
from sagewright.wrangler.flows import Node
from sagewright.wrangler.operators import partitions
from sagewright.wrangler.operators.budget import MemoryBudget
from sagewright.wrangler.sources import FileSources

LIMIT = MemoryBudget(5_000, 1 << 30)
"""Less than a drawn table takes, so that it is divided into several parts."""


def table(rows: int, seed: int) -> pl.DataFrame:
    """Returns a drawn table with more types, and repeated rows."""
    draw, frame = random.Random(seed), drawn(rows, seed)
    times = [None, datetime(1969, 12, 31, 23, 59, 59, 999_999), datetime(2024, 2, 29), datetime(9999, 1, 1)]
    added = {
        "day": pl.Series([draw.choice([None, date(1, 1, 1), date(2024, 2, 29)]) for _ in range(rows)], dtype=pl.Date),
        "time": pl.Series([draw.choice(times) for _ in range(rows)], dtype=pl.Datetime("us")),
        "zero": pl.Series([draw.choice([0.0, -0.0, float("nan"), -float("nan"), float("inf"), None]) for _ in range(rows)]),
        "money": pl.Series([draw.choice([None, Decimal("1.10"), Decimal("-2.00")]) for _ in range(rows)], dtype=pl.Decimal(20, 2)),
        "group": pl.Series([draw.choice([None, "é", "e\u0301", "a"]) for _ in range(rows)], dtype=pl.Categorical),
        "bytes": pl.Series([draw.choice([None, b"", b"\0\xff"]) for _ in range(rows)], dtype=pl.Binary),
        "list": pl.Series([draw.choice([None, [], [1.0, None], [1.0]]) for _ in range(rows)], dtype=pl.List(pl.Float64)),
        "pair": pl.Series([draw.choice([None, {"x": 1, "y": "a"}, {"x": None, "y": "a"}]) for _ in range(rows)]),
    }  # fmt: skip
    frame = frame.with_columns(**added)
    return pl.concat([frame, frame.sample(rows // 3, seed=seed)])


def ran(
    step: Node, frames: list[pl.DataFrame], scratch: Path | None = None, limit: MemoryBudget = LIMIT
) -> tuple[dict[str, pl.DataFrame], str]:
    """Returns the outputs and the fitted values of a step; with `scratch`, of one with little memory, as a job runs it."""
    numbers = itertools.count()

    def keep(frame: pl.LazyFrame) -> pl.LazyFrame:
        assert scratch is not None
        target = scratch / f"kept-{next(numbers)}.parquet"
        frame.sink_parquet(target, compression="lz4")
        return pl.scan_parquet(target, glob=False)

    workspace = Workspace(keep, scratch, memory=limit) if scratch is not None else Workspace()
    runner = FlowEngine(FileSources(lambda _: Path(), Path()), workspace=workspace)
    result = runner.step(step, {f"df_{number}" if number else "df": one.lazy() for number, one in enumerate(frames)})
    outputs = {name: one.collect(engine="streaming") for name, one in result.outputs.items()}
    return outputs, json.dumps(runner.fitted, default=str)


def same(
    step: Node, frames: list[pl.DataFrame], scratch: Path, *, ordered: bool = True, limit: MemoryBudget = LIMIT
) -> dict[str, pl.DataFrame]:
    """Fails unless the step returns the same, in memory and in parts. Returns its outputs."""
    (expected, state), (found, divided) = ran(step, frames), ran(step, frames, scratch, limit)
    assert state == divided
    assert found.keys() == expected.keys()
    for name, one in expected.items():
        assert_frame_equal(found[name], one, check_exact=True, check_row_order=ordered, check_dtypes=True)
    return found


def duplicates(*columns: str) -> Node:
    return tool("manage_rows", "Drop duplicates", "drop_duplicates_parameters", {"input_column": list(columns)}, "s")


@pytest.mark.parametrize(
    "columns",
    [[], ["text"], ["zero"], ["real", "group"], ["time", "day"], ["list"], ["pair", "money"], ["bytes"], ["flag"]],
    ids="-".join,
)
@pytest.mark.parametrize("seed", range(3))
def test_duplicates(columns: list[str], seed: int, tmp_path: Path) -> None:
    limit = MemoryBudget(100, 1 << 30) if columns else LIMIT
    found = same(duplicates(*columns), [table(300, seed)], tmp_path, limit=limit)
    assert len(found["default"]) < 400
    assert list(tmp_path.glob("kept-*"))


def test_duplicates_of_a_table_without_rows(tmp_path: Path) -> None:
    assert same(duplicates(), [table(300, 1).head(0)], tmp_path)["default"].is_empty()


@pytest.mark.parametrize("seed", range(3))
def test_a_concatenation_without_duplicates(seed: int, tmp_path: Path) -> None:
    parameters = {"concatenate_type": "row_wise", "apply_dedupe": True}
    step = node("concatenate_datasets", parameters, "a", "b")
    found = same(step, [table(150, seed), table(150, seed).drop("pair")], tmp_path)
    assert len(found["default"]) < 400


@pytest.mark.parametrize("how", ["leftouter", "rightouter", "fullouter", "inner", "leftanti", "leftsemi"])
@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("text", "text"), ("whole", "whole"), ("zero", "zero"), ("zero", "real"), ("whole", "real"), ("key", "text"),
        ("day", "time"), ("group", "text"), ("money", "money"), ("bytes", "bytes"), ("flag", "flag"),
    ],
)  # fmt: skip
def test_a_join(how: str, left: str, right: str, tmp_path: Path) -> None:
    step = node("join_tables", {"left_column": left, "right_column": right, "join_type": how}, "a", "b")
    one, other = table(150, 1), table(120, 2)
    same(step, [one, other.filter(pl.col("key") % 3 > 0)], tmp_path, ordered=how not in ("leftanti", "leftsemi"))
    assert len(list(tmp_path.glob("parts-*"))) >= 2


@pytest.mark.parametrize("how", ["leftouter", "rightouter", "fullouter", "inner", "leftsemi"])
@pytest.mark.parametrize("seed", range(3))
def test_a_join_by_several_columns(how: str, seed: int, tmp_path: Path) -> None:
    keys = [{"left": "kind", "right": "kind"}, {"left": "whole", "right": "real"}, {"left": "group", "right": "text"}]
    step = node("join_multi_keys", {"join_keys": keys, "join_type": how}, "a", "b")
    wider = table(120, seed + 5).with_columns(pl.col("whole").cast(pl.Float64).alias("real"))
    same(step, [table(150, seed), wider], tmp_path, ordered=how != "leftsemi")


@pytest.mark.parametrize("how", ["leftouter", "rightouter", "fullouter", "inner"])
@pytest.mark.parametrize("empty", [0, 1])
def test_a_join_with_a_table_without_rows(how: str, empty: int, tmp_path: Path) -> None:
    step = node("join_tables", {"left_column": "text", "right_column": "text", "join_type": how}, "a", "b")
    frames = [table(150, 1), table(120, 2)]
    frames[empty] = frames[empty].head(0)
    same(step, frames, tmp_path)


def test_a_semi_join_in_parts_keeps_the_order(tmp_path: Path) -> None:
    step = node("join_tables", {"left_column": "text", "right_column": "text", "join_type": "leftsemi"}, "a", "b")
    left = table(200, 3).with_row_index("place")
    found = ran(step, [left, table(200, 4).filter(pl.col("text") != "a")], tmp_path)[0]["default"]
    assert found["place"].is_sorted()
    assert 0 < len(found) < len(left)


def encoded(title: str, **values: Any) -> Node:
    member = f"{title.lower().replace(' ', '_').replace('-', '_')}_parameters"
    given = {"input_column": ["text", "group", "whole", "flag", "time"], "invalid_handling_strategy": "Keep", **values}
    return tool("encode_categorical", title, member, given, "s")


@pytest.mark.parametrize("title", ["Ordinal encode", "One-hot encode"])
@pytest.mark.parametrize("seed", range(3))
def test_an_encoding(title: str, seed: int, tmp_path: Path) -> None:
    more = {"output_style": "Columns", "drop_last": False} if title == "One-hot encode" else {}
    same(encoded(title, **more), [table(300, seed)], tmp_path)


def test_too_many_categories_are_counted_to_the_end(tmp_path: Path) -> None:
    frame = pl.DataFrame({"text": [f"value {number}" for number in range(9000)]})
    step = encoded("One-hot encode", input_column=["text"], output_style="Columns", drop_last=False)
    for scratch in (None, tmp_path):
        with pytest.raises(StepError, match="has 9,000 categories, more than 5,000"):
            ran(step, [frame], scratch)


@pytest.mark.parametrize("column", ["text", "group", "whole", "real", "day", "time", "flag"])
def test_the_most_frequent_value(column: str, tmp_path: Path) -> None:
    values = {"column_type": "Categorical", "categorical_parameters": {"input_column": [column]}}
    step = tool("handle_missing", "Impute", "impute_parameters", values, "s")
    same(step, [table(300, 1)], tmp_path, limit=MemoryBudget(100, 1 << 30))


@pytest.mark.parametrize(("fraction", "most"), [(0.0, 0), (0.03, 0), (0.01, 3), (1.0, 0)])
def test_rare_values(fraction: float, most: int, tmp_path: Path) -> None:
    values = {
        "input_column": ["text", "whole", "group"], "fraction_threshold": fraction, "absolute_threshold": 2,
        "max_common_categories": most, "replacement_string": "Other",
    }  # fmt: skip
    same(
        tool("handle_outliers", "Replace rare values", "replace_rare_values_parameters", values, "s"),
        [table(300, 1)],
        tmp_path,
    )


@pytest.mark.parametrize("column", ["kind", "text", "zero", "list", "pair"])
def test_a_stratified_sample(column: str, tmp_path: Path) -> None:
    values = {"sample_size": 60, "stratify_column": column, "seed": 5}
    step = node("sampling", {"sampling_method": "Stratified", "stratified_parameters": values}, "s")
    found = same(step, [table(300, 2)], tmp_path)["default"]
    assert 55 <= len(found) <= 70


ORDERED = {
    "integers": pl.Series([2**63 - 1, -(2**63), None, 2**53, 2**53 + 1, 2**53 + 1, 0, -1], dtype=pl.Int64),
    "small": pl.Series([3, 1, 2, 1, None, 250, 0, 3], dtype=pl.UInt8),
    "floats": pl.Series([0.0, -0.0, float("nan"), float("inf"), -float("inf"), None, 5e-324, 0.0]),
    "single": pl.Series([0.1, 0.2, None, float("nan"), -0.1, 0.1, 3e38, 0.0], dtype=pl.Float32),
    "none": pl.Series([None] * 8, dtype=pl.Float64),
    "days": pl.Series([None, date(1, 1, 1), date(2024, 2, 29), date(9999, 1, 1)] * 2),
    "times": pl.Series(
        [None, datetime(1969, 12, 31, 23, 59, 59, 999_999), datetime(9999, 1, 1), datetime(2024, 2, 29)] * 2
    ),
}
SHARES = ([0.8, 0.2], [0.5, 0.5], [0.0, 1.0], [1.0, 0.0], [0.1, 0.2, 0.7], [1 / 3, 1 / 3, 1 / 3], [0.6, 0.3, 0.1])


@pytest.mark.parametrize("column", ORDERED)
@pytest.mark.parametrize("together", [True, False])
def test_an_ordered_split(column: str, together: bool, tmp_path: Path) -> None:
    limit = MemoryBudget(100, 1 << 30)
    for number, shares in enumerate(SHARES):
        draw = random.Random(number)
        rows = draw.choices(range(8), k=200 + number)
        frame = pl.DataFrame({column: ORDERED[column][rows], "row": range(len(rows))})
        splits = [{"name": f"part {part}", "percentage": share} for part, share in enumerate(shares)]
        given = {"splits": splits, "input_column": column, "handle_duplicates": together}
        same(tool("split", "Ordered split", "ordered_split_parameters", given, "s"), [frame], tmp_path, limit=limit)


def test_the_files_of_parts_are_removed(tmp_path: Path) -> None:
    step = node("join_tables", {"left_column": "text", "right_column": "text", "join_type": "inner"}, "a", "b")
    ran(step, [table(150, 1), table(120, 2)], tmp_path)
    assert not list(tmp_path.glob("parts-*/**/*.parquet"))


def test_the_number_of_parts_follows_the_size(tmp_path: Path) -> None:
    from sagewright.wrangler.operators.step import OperatorStep

    step = OperatorStep("n", "o", "", {}, {}, scratch=tmp_path, memory=MemoryBudget(1_000_000, 1 << 30))
    frame = pl.LazyFrame({"x": pl.int_range(100_000, eager=True)})
    assert partitions.part_count(step, frame) == 3  # 800,000 bytes, thrice
    assert partitions.part_count(step, pl.concat([frame] * 3000)) == partitions.MOST_PARTS
    step.memory = None
    assert partitions.part_count(step, frame) == 1

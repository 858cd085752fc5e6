"""Memory of a job: sorts and queries use the disk, and a table that does not fit is refused before it is read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from flowfiles import flow, node, source, tool

from sagewright.wrangler.engine import FlowEngine, Workspace
from sagewright.wrangler.errors import StepError
from sagewright.wrangler.flows import Node
from sagewright.wrangler.job import memory
from sagewright.wrangler.operators.budget import MemoryBudget
from sagewright.wrangler.sources import FileSources

SORTS = """
import sys, threading, time
from pathlib import Path
from sagewright.wrangler.job import memory
memory.FEWEST_SPILL = memory.MOST_SPILL = int(sys.argv[2])
root, seen = Path(sys.argv[1]), set()
with memory.spilling(root):
    import polars as pl
    ended = threading.Event()
    def watch():
        while not ended.wait(0.005):
            seen.update(one.name for one in root.rglob("*") if one.is_file())
    watcher = threading.Thread(target=watch)
    watcher.start()
    frame = pl.LazyFrame({"x": pl.int_range(1_500_000, eager=True).hash(1)}).with_columns(y=pl.col("x").cast(pl.String))
    frame.sort("x").sink_batches(lambda batch: None, engine="streaming")
    ended.set()
    watcher.join()
print("spilled" if seen else "held", len(list(root.iterdir())))
"""


def engine(folder: Path, limits: MemoryBudget) -> FlowEngine:
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    sources = FileSources(lambda one: folder / one.node_id, folder)
    return FlowEngine(sources, workspace=Workspace(scratch=scratch, memory=limits))


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    (tmp_path / "s").mkdir()
    frame = pl.DataFrame({"x": pl.int_range(200_000, eager=True).hash(1) // 2}).with_columns(
        kind=(pl.col("x") % 7 == 0), text=pl.col("x").cast(pl.String).str.zfill(40)
    )
    frame.write_parquet(tmp_path / "s" / "a.parquet")
    return tmp_path


WHOLE = [
    node("custom_pandas", {"code": "df = df.head(1)"}, "s"),
    node("custom_code", {"operator": "Python (Pandas)", "pandas_parameters": {"code": "df = df.head(1)"}}, "s"),
    tool(
        "balance_data",
        "Random undersample",
        "random_undersample_parameters",
        {"target_column": "kind", "ratio": 1},
        "s",
    ),
    tool("balance_data", "SMOTE", "smote_parameters", {"target_column": "kind", "ratio": 1}, "s"),
]


@pytest.mark.parametrize("step", WHOLE, ids=lambda one: f"{one.operator} {one.title}")
def test_a_table_that_does_not_fit_is_refused(rows: Path, step: Node) -> None:
    steps = flow(source("s", "parquet"), step)
    with pytest.raises(StepError) as caught:
        engine(rows, MemoryBudget(1 << 27, 20_000_000)).run(steps, steps.nodes[-1].node_id)
    assert "needs all rows in memory: 200,000 rows need about 0." in caught.value.reason
    assert "it may use 0.0 GiB" in caught.value.reason
    found = engine(rows, MemoryBudget(1 << 27, 1 << 30)).run(steps, steps.nodes[-1].node_id)
    assert len(found["default"].collect())


def test_a_query_uses_the_disk(rows: Path) -> None:
    code = "SELECT *, row_number() OVER (ORDER BY text) AS place FROM df"
    steps = flow(source("s", "parquet"), node("custom_pyspark_sql", {"code": code}, "s"))
    found = engine(rows, MemoryBudget(40_000_000, 1 << 30)).run(steps, steps.nodes[-1].node_id)["default"].collect()
    assert found.sort("place")["text"].is_sorted()
    assert len(found) == 200_000


@pytest.mark.parametrize(("limit", "says"), [(1 << 20, "spilled 0"), (1 << 30, "held 0")])
def test_a_sort_uses_the_disk_and_leaves_nothing(tmp_path: Path, limit: int, says: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SORTS, tmp_path, str(limit)], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == says, done.stderr


def test_limits_follow_the_jobs_share() -> None:
    assert memory.budget(1 << 30) == MemoryBudget(1 << 28, 3 << 28)
    assert memory.budget(1 << 40).spill_bytes == 1 << 30
    assert memory.budget(1 << 20).spill_bytes == 1 << 27

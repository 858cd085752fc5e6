"""Peak memory of each operator that could hold a column, as a job with 1 GiB: `python bench/wrangler/memory.py [CASE...] [--rows N,N]`.

Runs in the environment of Data Wrangler's jobs. Each case is a job of its own over Parquet files; `read` is a flow without a step,
so the difference to it is the step's own memory. The columns: case, rows, seconds, anonymous and all memory.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

SRC = Path(os.environ.get("SAGEWRIGHT_SRC") or Path(__file__).parents[2] / "src")
ROWS = (1_000_000, 5_000_000, 15_000_000)
FILE_ROWS = 500_000
MEMORY_GB = 1
KINDS = ("RssAnon", "VmHWM")
"""Memory that only the disk could take, and all, with files that are mapped, which the kernel drops when memory is short."""


def tool(operator: str, title: str, member: str, **values: Any) -> tuple[str, Mapping[str, Any]]:
    return operator, {"operator": title, member: values}


CASES: dict[str, tuple[str, Mapping[str, Any]]] = {
    "read": ("handle_missing", {"operator": "Fill missing", "fill_missing_parameters": {"input_column": ["price"], "fill_value": "0"}}),
    "duplicates": tool("manage_rows", "Drop duplicates", "drop_duplicates_parameters", input_column=["key"]),
    "duplicates, all columns": tool("manage_rows", "Drop duplicates", "drop_duplicates_parameters"),
    "join": ("join_tables", {"left_column": "id", "right_column": "id", "join_type": "leftouter"}),
    "join, inner": ("join_tables", {"left_column": "key", "right_column": "key", "join_type": "inner"}),
    "concatenation": ("concatenate_datasets", {"concatenate_type": "row_wise", "apply_dedupe": True}),
    "median": tool("handle_missing", "Impute", "impute_parameters", column_type="Numeric", numeric_parameters={"strategy": "Approximate Median", "input_column": ["price", "weight"]}),
    "robust scaler": tool("process_numeric", "Scale values", "scale_values_parameters", scaler="Robust scaler", robust_scaler_parameters={"input_column": ["price", "weight"], "center": True}),
    "quantile outliers": tool("handle_outliers", "Quantile numeric outliers", "quantile_numeric_outliers_parameters", input_column=["price", "weight"]),
    "most frequent": tool("handle_missing", "Impute", "impute_parameters", column_type="Categorical", categorical_parameters={"input_column": ["key"]}),
    "rare values": tool("handle_outliers", "Replace rare values", "replace_rare_values_parameters", input_column=["key"], absolute_threshold=5),
    "ordinal": tool("encode_categorical", "Ordinal encode", "ordinal_encode_parameters", input_column=["kind"], invalid_handling_strategy="Keep"),
    "ordinal, refused": tool("encode_categorical", "Ordinal encode", "ordinal_encode_parameters", input_column=["key"], invalid_handling_strategy="Keep"),
    "ordered split": tool("split", "Ordered split", "ordered_split_parameters", splits=[{"name": "default", "percentage": 0.8}, {"name": "rest", "percentage": 0.2}], input_column="weight"),
    "stratified sample": ("sampling", {"sampling_method": "Stratified", "stratified_parameters": {"sample_size": 1000, "stratify_column": "kind"}}),
}  # fmt: skip
TWO = ("join", "join, inner", "concatenation")


def make(folder: Path, rows: int, seed: int) -> None:
    """Writes orders as Parquet; a third of the keys occur twice."""
    folder.mkdir(parents=True)
    for start in range(0, rows, FILE_ROWS):
        number = pl.int_range(start, min(start + FILE_ROWS, rows), eager=True).alias("id")
        hashed = number.hash(seed)
        frame = pl.DataFrame(number).with_columns(
            key=pl.concat_str(pl.lit("key of an order "), (number.hash(1) % (rows * 2)).cast(pl.String).str.zfill(12)),
            price=pl.when(hashed % 97 != 0).then((hashed % 1_000_003) / 100),
            weight=(hashed % 777_777_777) / 7,
            kind=pl.concat_str(pl.lit("kind-"), (hashed % 100_000).cast(pl.String)),
            note=pl.concat_str(pl.lit("note "), (hashed % 1000).cast(pl.String)),
        )
        frame.write_parquet(folder / f"part-{start:09}.parquet")


def flow(case: str) -> dict[str, Any]:
    def source(name: str) -> dict[str, Any]:
        context = {"s3Uri": f"s3://bench/{name}/", "s3ContentType": "parquet"}
        definition = {"datasetSourceType": "S3", "name": name, "s3ExecutionContext": context}
        return {"node_id": name, "type": "SOURCE", "operator": "sagemaker.s3_source_0.1", "parameters": {"dataset_definition": definition}, "inputs": [], "outputs": [{"name": "default"}]}  # fmt: skip

    names = ("one", "two") if case in TWO else ("one",)
    operator, parameters = CASES[case]
    edges = [{"name": "df", "node_id": name, "output_name": "default"} for name in names]
    step = {"node_id": "step", "type": "TRANSFORM", "operator": f"sagemaker.spark.{operator}_0.1", "parameters": parameters, "inputs": edges, "outputs": [{"name": "default"}]}  # fmt: skip
    return {"metadata": {"version": 1}, "nodes": [*map(source, names), step]}


def resident(pid: int) -> dict[str, int]:
    """Returns the KiB that a process has in memory, by kind; none once it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    return {name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines) if name in KINDS}


def measured(case: str, root: Path, rows: int) -> None:
    """Prints seconds and the peaks of memory of one job."""
    ml = root / "ml"
    flows, config, output = ml / "processing" / "flow", ml / "config", ml / "processing" / "output"
    for one in (flows, config):
        one.mkdir(parents=True, exist_ok=True)
    subprocess.run(["rm", "-rf", str(output)], check=True)
    (flows / "bench.flow").write_text(json.dumps(flow(case)))
    outputs = [{"OutputName": "step.default", "S3Output": {"LocalPath": "/opt/ml/processing/output", "S3Uri": "s3://bench/out"}}]  # fmt: skip
    described = {"ProcessingOutputConfig": {"Outputs": outputs}}
    (config / "processingjobconfig.json").write_text(json.dumps(described))
    environ = {"SAGEWRIGHT_ML_ROOT": str(ml), "PYTHONPATH": str(SRC), "SAGEWRIGHT_MEMORY_GB": str(MEMORY_GB)}
    written = ["--output-config", json.dumps({"step.default": {"content_type": "PARQUET"}})]
    command = [sys.executable, "-m", "sagewright.wrangler", *written]
    log, started, peaks = root / "log", time.monotonic(), dict.fromkeys(KINDS, 0)
    with log.open("w") as opened:
        job = subprocess.Popen(command, env={**os.environ, **environ}, stdout=opened, stderr=subprocess.STDOUT)
        while job.poll() is None:
            for kind, size in resident(job.pid).items():
                peaks[kind] = max(peaks[kind], size)
            time.sleep(0.01)
    seconds = time.monotonic() - started
    lines = log.read_text().splitlines()
    said = "" if job.returncode == 0 else next((one for one in lines if "exit_message" in one), "killed")[24:160]
    sizes = " | ".join(f"{peaks[kind] // 1024} MiB" for kind in KINDS)
    print(f"| {case} | {rows:,} | {seconds:.1f} s | {sizes} | {said}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", default=[], help=", ".join(CASES))
    parser.add_argument("--rows", default=",".join(map(str, ROWS)))
    given = parser.parse_args()
    for rows in map(int, given.rows.split(",")):
        with tempfile.TemporaryDirectory(prefix="bench-wrangler-memory-") as name:
            root = Path(name)
            make(root / "ml" / "processing" / "one", rows, 1)
            make(root / "ml" / "processing" / "two", rows, 2)
            for case in given.cases or CASES:
                measured(case, root, rows)


if __name__ == "__main__":
    main()

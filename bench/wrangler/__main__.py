"""Time and memory of a flow over millions of rows, beside pandas and PySpark doing the same: `python bench/wrangler [ROWS]`.

Runs in the environment of Data Wrangler's jobs. PySpark is measured where it is installed, or by the Python that the variable
SPARK_PYTHON names.
"""

from __future__ import annotations

import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

ROWS = 5_000_000
SRC = Path(__file__).parents[2] / "src"


def make(folder: Path, rows: int) -> None:
    """Writes orders as CSV, in files of half a million rows."""
    for start in range(0, rows, 500_000):
        number = pl.int_range(start, min(start + 500_000, rows), eager=True).alias("id")
        hashed = number.hash(1)
        frame = pl.DataFrame(number).with_columns(
            customer=hashed % 100_000,
            price=pl.when(hashed % 97 != 0).then((hashed % 10_000) / 100),
            kind=pl.concat_str(pl.lit("kind-"), (hashed % 12).cast(pl.String)),
            day=pl.lit("2024-01-01").str.to_date() + pl.duration(days=(hashed % 365).cast(pl.Int64)),
            note=pl.concat_str(pl.lit("  Note "), (hashed % 1000).cast(pl.String), pl.lit(" ")),
            weight=(hashed % 777) / 7,
        )
        frame.write_csv(folder / f"part-{start:09}.csv")


def flow() -> dict[str, object]:
    steps = [
        ("infer_and_cast_type", {}),
        ("handle_missing", {"operator": "Impute", "impute_parameters": {"column_type": "Numeric", "numeric_parameters": {"strategy": "Mean", "input_column": ["price"]}}}),
        ("format_string", {"operator": "Strip left and right", "strip_left_and_right_parameters": {"input_column": ["note"]}}),
        ("featurize_date_time", {"input_column": "day", "month": True, "year": True, "day": False}),
        ("handle_outliers", {"operator": "Standard deviation numeric outliers", "standard_deviation_numeric_outliers_parameters": {"input_column": ["weight"], "standard_deviations": 2}}),
        ("process_numeric", {"operator": "Scale values", "scale_values_parameters": {"scaler": "Standard scaler", "standard_scaler_parameters": {"input_column": ["price", "weight"], "center": True}}}),
        ("encode_categorical", {"operator": "One-hot encode", "one_hot_encode_parameters": {"input_column": ["kind"], "output_style": "Columns", "drop_last": False}}),
    ]  # fmt: skip
    context = {"s3Uri": "s3://bench/orders/", "s3ContentType": "csv", "s3HasHeader": True, "s3FieldDelimiter": ","}
    definition = {"datasetSourceType": "S3", "name": "orders", "s3ExecutionContext": context}
    nodes = [{"node_id": "0", "type": "SOURCE", "operator": "sagemaker.s3_source_0.1", "parameters": {"dataset_definition": definition}, "inputs": [], "outputs": [{"name": "default"}]}]  # fmt: skip
    for number, (name, parameters) in enumerate(steps, 1):
        edge = {"name": "df", "node_id": str(number - 1), "output_name": "default"}
        nodes.append({"node_id": str(number), "type": "TRANSFORM", "operator": f"sagemaker.spark.{name}_0.1", "parameters": parameters, "inputs": [edge], "outputs": [{"name": "default"}]})  # fmt: skip
    return {"metadata": {"version": 1}, "nodes": nodes}


PANDAS = """
import glob, sys, pandas as pd
df = pd.concat([pd.read_csv(one) for one in sorted(glob.glob(sys.argv[1] + "/*.csv"))], ignore_index=True)
df["price"] = df["price"].fillna(df["price"].mean())
df["note"] = df["note"].str.strip()
day = pd.to_datetime(df["day"])
df["day_year"], df["day_month"] = day.dt.year, day.dt.month
mean, std = df["weight"].mean(), df["weight"].std()
df["weight"] = df["weight"].clip(mean - 2 * std, mean + 2 * std)
for name in ("price", "weight"):
    df[name] = (df[name] - df[name].mean()) / df[name].std()
df = pd.concat([df.drop(columns="kind"), pd.get_dummies(df["kind"], prefix="kind", dtype=float)], axis=1)
df.to_csv(sys.argv[2], index=False)
print(len(df))
"""
SPARK = """
import sys
from pyspark.sql import SparkSession, functions as F
spark = SparkSession.builder.master("local[*]").config("spark.ui.enabled", "false").config("spark.driver.memory", "4g").getOrCreate()
df = spark.read.csv(sys.argv[1], header=True, inferSchema=True)
df = df.fillna({"price": df.select(F.avg("price")).first()[0]}).withColumn("note", F.trim("note"))
df = df.withColumn("day_year", F.year("day")).withColumn("day_month", F.month("day"))
mean, std = df.select(F.avg("weight"), F.stddev("weight")).first()
df = df.withColumn("weight", F.greatest(F.least("weight", F.lit(mean + 2 * std)), F.lit(mean - 2 * std)))
for name in ("price", "weight"):
    mean, std = df.select(F.avg(name), F.stddev(name)).first()
    df = df.withColumn(name, (F.col(name) - mean) / std)
for kind in [row[0] for row in df.select("kind").distinct().collect()]:
    df = df.withColumn("kind_" + kind, (F.col("kind") == kind).cast("double"))
df.drop("kind").write.csv(sys.argv[2], header=True, mode="overwrite")
"""


def measured(name: str, command: list[str], environ: dict[str, str] | None = None) -> None:
    """Prints seconds, processor seconds and the peak of memory of a program."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    script = "import resource, subprocess, sys; done = subprocess.run(sys.argv[1:]); print('peak', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024); sys.exit(done.returncode)"  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", script, *command],
        env={**os.environ, **(environ or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    seconds, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if done.returncode:
        print(name, "failed:", done.stdout[-500:], done.stderr[-1500:])
        return
    peak = [line for line in done.stdout.splitlines() if line.startswith("peak")][-1].split()[1]
    print(f"{name:8} {seconds:7.1f} s  {cpu:7.1f} s of processors  {peak:>6} MiB")


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    with tempfile.TemporaryDirectory(prefix="bench-wrangler-") as name:
        root = Path(name)
        orders, flows, config = (root / "ml" / one for one in ("processing/orders", "processing/flow", "config"))
        for one in (orders, flows, config):
            one.mkdir(parents=True)
        make(orders, rows)
        (flows / "bench.flow").write_text(json.dumps(flow()))
        outputs = [
            {
                "OutputName": "7.default",
                "S3Output": {"LocalPath": "/opt/ml/processing/output", "S3Uri": "s3://bench/out"},
            }
        ]
        (config / "processingjobconfig.json").write_text(json.dumps({"ProcessingOutputConfig": {"Outputs": outputs}}))
        size = sum(one.stat().st_size for one in orders.iterdir()) // 2**20
        print(f"{rows:,} rows, {size} MiB of CSV")
        environ = {"SAGEWRIGHT_ML_ROOT": str(root / "ml"), "PYTHONPATH": str(SRC)}
        measured("flow", [sys.executable, "-m", "sagewright.wrangler"], environ)
        measured("pandas", [sys.executable, "-c", PANDAS, str(orders), str(root / "pandas.csv")])
        spark = os.environ.get("SPARK_PYTHON") or (sys.executable if importlib.util.find_spec("pyspark") else "")
        if spark:
            measured("pyspark", [spark, "-c", SPARK, str(orders), str(root / "spark")])


if __name__ == "__main__":
    main()

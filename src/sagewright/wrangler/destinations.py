"""Writes a destination's files; they appear together, after the last of them is whole."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from sagewright.wrangler.errors import StepError
from sagewright.wrangler.flows import Node
from sagewright.wrangler.types import HIDDEN, STRING, as_type

MANIFEST = "manifest/data_wrangler_output.manifest"
CONTENT = ("CSV", "PARQUET")
COMPRESSIONS = {"CSV": ("none", "gzip", "zstd"), "PARQUET": ("none", "snappy", "gzip", "zstd", "lz4")}
MOST_PARTITIONS = 9999
MOST_KEYS = 10_000


@dataclass(frozen=True)
class DestinationOutput:
    """`path`: the S3 URI that the node names, "" for a job that says it otherwise."""

    content: str = "CSV"
    delimiter: str = ","
    compression: str = "none"
    partitions: int = 1
    by: tuple[str, ...] = ()
    header: bool = True
    path: str = ""


def output_of(node: Node, given: Mapping[str, Any] | None = None) -> DestinationOutput:
    """Returns the output of a destination; `given`: the entry of a job's --output-config for it. Raises StepError."""
    if node.operator.startswith("sagemaker.spark.feature_store_destination") or "feature_store" in node.operator:
        raise _fault(node, "Destinations in a feature store are not supported; write to S3 and ingest from there.")
    held = node.parameters.get("output_config")
    config = {**(held if isinstance(held, dict) else {}), **dict(given or {})}
    content = str(config.get("output_content_type") or config.get("content_type") or "CSV").upper()
    if content not in CONTENT:
        raise _fault(node, f"Invalid choice selected for output_content_type. {content[:100]} is not supported.")
    compression = str(config.get("compression") or "none").lower()
    compression = {"uncompressed": "none", "gz": "gzip"}.get(compression, compression)
    if compression not in COMPRESSIONS[content]:
        raise _fault(
            node, f"Invalid choice selected for compression. {compression[:100]} is not supported for {content}."
        )
    delimiter = str(config.get("delimiter") or ",")
    delimiter = {"\\t": "\t", "tab": "\t"}.get(delimiter, delimiter)
    if len(delimiter.encode()) != 1:
        raise _fault(node, f"The delimiter is {delimiter[:20]!r}; it has to be one character of ASCII.")
    return _partitioned(
        node, config, DestinationOutput(content, delimiter, compression, path=str(config.get("output_path") or ""))
    )


def _partitioned(node: Node, config: Mapping[str, Any], output: DestinationOutput) -> DestinationOutput:
    partition = config.get("partition_config")
    partition = partition if isinstance(partition, dict) else {}
    number = partition.get("num_partitions") or 1
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= MOST_PARTITIONS:
        raise _fault(node, f"num_partitions is {str(number)[:50]}; it is a whole number from 1 to {MOST_PARTITIONS}.")
    by = partition.get("partition_by") or []
    by = [by] if isinstance(by, str) else by
    if not isinstance(by, list) or not all(isinstance(one, str) for one in by):
        raise _fault(node, "partition_by has to be a list of column names.")
    header = partition.get("has_headers", config.get("has_headers", True)) is not False
    return DestinationOutput(
        output.content, output.delimiter, output.compression, number, tuple(by), header, output.path
    )


def write(node: Node, frame: pl.LazyFrame, output: DestinationOutput, folder: Path, host: str = "") -> list[Path]:
    """Writes the frame below `folder` and returns the files. `host`: part of their names where several hosts write. Raises
    StepError, PolarsError."""
    partial = folder.parent / f".{folder.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        _written(node, _writable(frame, output), output, partial, f"part-{host}-" if host else "part-")
        _manifest(partial, output)
        return _moved(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _written(node: Node, frame: pl.LazyFrame, output: DestinationOutput, partial: Path, part: str) -> None:
    ending = _ending(output)
    if output.by:
        _by_key(node, frame, output, partial, f"{part}00000{ending}")
        return
    if output.partitions == 1:
        _sink(frame, partial / f"{part}00000{ending}", output)
        return
    whole = partial / ".whole.parquet"  # evaluated once, and cut
    frame.sink_parquet(whole, compression="lz4")
    frame = pl.scan_parquet(whole, glob=False)
    total = int(frame.select(pl.len()).collect(engine="streaming").item())
    for number in range(output.partitions):
        start, end = total * number // output.partitions, total * (number + 1) // output.partitions
        _sink(frame.slice(start, end - start), partial / f"{part}{number:05}{ending}", output)
    whole.unlink()


def _by_key(node: Node, frame: pl.LazyFrame, output: DestinationOutput, partial: Path, name: str) -> None:
    schema = frame.collect_schema()
    for column in output.by:
        if column not in schema:
            raise _fault(node, f"There is no column {column!r} to partition by.")
    whole = partial / ".whole.parquet"
    frame.sink_parquet(whole, compression="lz4")
    frame = pl.scan_parquet(whole, glob=False)
    keys = frame.select(output.by).unique().sort(output.by, nulls_last=True).collect(engine="streaming")
    if len(keys) > MOST_KEYS:
        raise _fault(node, f"{', '.join(output.by)} has {len(keys):,} values, more than {MOST_KEYS:,} partitions.")
    for key in keys.iter_rows(named=True):
        same = pl.all_horizontal(pl.col(column).eq_missing(pl.lit(value)) for column, value in key.items())
        place = partial.joinpath(*(f"{_escaped(column)}={_escaped(value)}" for column, value in key.items()))
        place.mkdir(parents=True, exist_ok=True)
        _sink(frame.filter(same).drop(output.by), place / name, output)
    whole.unlink()


def _escaped(value: object) -> str:
    """Returns a value as a folder's name, as Hive writes it."""
    if value is None:
        return "__HIVE_DEFAULT_PARTITION__"
    text = "".join(f"%{ord(one):02X}" if one in '/\\"%:?*#\n\r\t=' or ord(one) < 32 else one for one in str(value))
    return text[:200] if text.strip(".") else text.replace(".", "%2E")


def _writable(frame: pl.LazyFrame, output: DestinationOutput) -> pl.LazyFrame:
    """Returns the frame without hidden columns; CSV stores lists, structs and booleans as text."""
    schema = frame.collect_schema()
    shown = [name for name in schema if not name.startswith(HIDDEN)]
    if output.content == "PARQUET":
        return frame.select(shown)
    return frame.select(
        as_type(name, schema[name], STRING).alias(name)
        if schema[name].is_nested()
        else pl.col(name).bin.encode("base64")
        if isinstance(schema[name], pl.Binary)
        else pl.col(name)
        for name in shown
    )


def _sink(frame: pl.LazyFrame, path: Path, output: DestinationOutput) -> None:
    if output.content == "PARQUET":
        kind: Any = "uncompressed" if output.compression == "none" else output.compression
        frame.sink_parquet(path, compression=kind)
        return
    kind = "uncompressed" if output.compression == "none" else output.compression
    frame.sink_csv(
        path,
        separator=output.delimiter,
        include_header=output.header,
        compression=kind,
        check_extension=False,
        datetime_format="%Y-%m-%d %H:%M:%S%.f",
    )


def _ending(output: DestinationOutput) -> str:
    packed = {"gzip": ".gz", "zstd": ".zst", "snappy": ".snappy", "lz4": ".lz4"}.get(output.compression, "")
    return f".csv{packed}" if output.content == "CSV" else f"{packed}.parquet"


def _manifest(partial: Path, output: DestinationOutput) -> None:
    files = sorted(str(one.relative_to(partial)) for one in partial.rglob("*") if one.is_file())
    prefix = output.path.rstrip("/") + "/" if output.path else ""
    target = partial / MANIFEST
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps([{"prefix": prefix}, *files] if prefix else files))


def _moved(partial: Path, folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    moved = []
    for one in sorted(partial.rglob("*")):
        if one.is_file():
            target = folder / one.relative_to(partial)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(one, target)  # noqa: PTH105 - within one file system
            moved.append(target)
    return moved


def _fault(node: Node, reason: str) -> StepError:
    return StepError(node.node_id, node.operator, reason)

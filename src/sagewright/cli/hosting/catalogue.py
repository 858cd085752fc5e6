"""`sagewright models catalogue | add | remove`: JumpStart's pretrained models, and the weights that are added to them."""

from __future__ import annotations

import difflib
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer
from botocore.exceptions import ClientError
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from sagewright.cli.client import client
from sagewright.cli.jobs.kinds import refuse
from sagewright.cli.options import DataOption, console, fail, settings_of
from sagewright.cli.output import Format, JsonOption, OutputColumn, OutputOption, chosen, print_rows
from sagewright.jumpstart import keys
from sagewright.jumpstart.checkpoints import BadCheckpoint, Checkpoint, read_checkpoint
from sagewright.jumpstart.entries import CatalogueEntry
from sagewright.jumpstart.offers import offers

_MOST_SHOWN = 50
_SPARE = 1.2
"""Memory of a loaded model, as a share of its weights."""
LISTED = [
    OutputColumn("id", lambda one: str(one["Id"])),
    OutputColumn("version", lambda one: str(one["Version"])),
    OutputColumn("task", lambda one: str(one["Task"])),
    OutputColumn("fine-tune", lambda one: "yes" if one["FineTune"] else ""),
    OutputColumn("weights", lambda one: str(one["Weights"])),
    OutputColumn("licence", lambda one: str(one["Licence"])),
]
ModelId = Annotated[str, typer.Argument(help="The model's id in JumpStart's catalogue.")]


def catalogue(
    word: Annotated[str | None, typer.Argument(help="Part of the id.")] = None,
    task: Annotated[str | None, typer.Option(help="Task of the model: tc, ic, llm …")] = None,
    here: Annotated[bool, typer.Option("--here", help="Only models whose weights are on this machine.")] = False,
    data: DataOption = None,
    output: OutputOption = Format.TABLE,
    json: JsonOption = False,
) -> None:
    """List JumpStart's models: which are on this machine, and their size. Names and JSON list all of them."""
    added = _added(data)
    found = [
        each for each in offers().values() if _matches(each, word, task) and (not here or each.here or each.id in added)
    ]
    form = chosen(output, json)
    bounded = form in {Format.TABLE, Format.WIDE}
    rows = [
        {
            "Id": entry.id,
            "Version": entry.version,
            "Task": entry.task,
            "FineTune": entry.tunable,
            "Weights": _weights(entry, added),
            "Licence": entry.license,
        }
        for entry in (found[:_MOST_SHOWN] if bounded else found)
    ]
    print_rows(rows, LISTED, form)
    if bounded and len(found) > _MOST_SHOWN:
        console.print(f"… and {len(found) - _MOST_SHOWN} more: name a part of the id, or a --task.")


def add(
    model: ModelId,
    path: Annotated[
        Path | None,
        typer.Argument(help="A folder of Hugging Face's cache, a folder with config.json, or a .safetensors file."),
    ] = None,
    data: DataOption = None,
) -> None:
    """Add a model's weights, so that JumpStart's classes can fine-tune and deploy it."""
    entry = _entry(model)
    if path is None:
        _explain(entry)
        return
    try:
        checkpoint = read_checkpoint(path)
    except BadCheckpoint as error:
        fail(str(error))
    _check(entry, checkpoint)
    settings = settings_of(data=data)
    s3, bucket = client(settings, "s3"), keys.content_bucket(client(settings, "s3").meta.region_name, gated=entry.gated)
    prefix = keys.model_prefix(entry.id, entry.version)
    try:
        s3.head_bucket(Bucket=bucket)
        files = _upload(s3, bucket, prefix, checkpoint)
        s3.put_object(Bucket=bucket, Key=prefix + keys.ADDED, Body=json.dumps(_record(checkpoint, files)).encode())
    except ClientError as error:
        refuse(error)
    megabytes = checkpoint.bytes / 1e6
    console.print(
        f"{entry.id} {entry.version} is here: {megabytes:,.0f} MB, {checkpoint.parameters:,} weights.", soft_wrap=True
    )
    if (needed := checkpoint.bytes * _SPARE) > psutil.virtual_memory().total:
        room = psutil.virtual_memory().total / 1e9
        console.print(f"Serving it takes about {needed / 1e9:,.0f} GB of memory, and this machine has {room:,.0f}.")


def remove(model: ModelId, data: DataOption = None) -> None:
    """Delete the weights that were added for a model."""
    entry = _entry(model)
    s3 = client(settings_of(data=data), "s3")
    bucket, prefix = (
        keys.content_bucket(s3.meta.region_name, gated=entry.gated),
        keys.model_prefix(entry.id, entry.version),
    )
    try:
        s3.delete_object(
            Bucket=bucket, Key=prefix + keys.ADDED
        )  # first, so that the rest is not mistaken for a complete model
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for each in page.get("Contents", []):
                s3.delete_object(Bucket=bucket, Key=each["Key"])
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchBucket":
            refuse(error)
    console.print(f"Deleted the weights of {entry.id}.")


def _entry(model: str) -> CatalogueEntry:
    found = offers().get(model)
    if found is None:
        near = difflib.get_close_matches(model, offers(), 3, 0.5)
        fail(f"JumpStart's catalogue has no model {model}." + (f" Did you mean {', '.join(near)}?" if near else ""))
    return found


def _explain(entry: CatalogueEntry) -> None:
    """Explains what a model needs if no path was given."""
    if entry.weights is not None:
        console.print(
            f"{entry.id} needs no weights from you: they come with {entry.weights.requirement} when a job first uses them."
        )
    elif entry.here:
        console.print(f"{entry.id} has no pretrained weights: it is trained from your data.")
    else:
        fail(f"Say where its weights are: sagewright models add {entry.id} PATH. Its publisher: {entry.source}")


def _check(entry: CatalogueEntry, checkpoint: Checkpoint) -> None:
    """Ends the command for a model that no script can serve, and for weights of another model."""
    if not entry.scripts:
        fail(
            f"No script serves models of the task {entry.task} ({entry.id}); docs/reference/limits.md lists the tasks."
        )
    if entry.scripts == "texts" and checkpoint.config.get("model_type") != "bert":
        kind = checkpoint.config.get("model_type", "unknown")
        fail(f"The scripts of the task {entry.task} read BERT encoders, and the checkpoint's model_type is {kind}.")
    expected = entry.source.removeprefix("https://huggingface.co/")
    if checkpoint.repository and expected != entry.source and checkpoint.repository.lower() != expected.lower():
        fail(
            f"{entry.id} is {expected}, but the folder contains {checkpoint.repository}: an id stands for the same weights "
            f"everywhere."
        )


def _upload(s3: Any, bucket: str, prefix: str, checkpoint: Checkpoint) -> dict[str, dict[str, Any]]:
    """Puts the files that are not there yet; returns the size and the digest of each."""
    found: dict[str, dict[str, Any]] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("adding", total=checkpoint.bytes)
        for path, file in checkpoint.files.items():
            with file.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            found[path] = {"bytes": file.stat().st_size, "sha256": digest}
            if not _there(s3, bucket, prefix + path, digest):
                extra = {"Metadata": {"sha256": digest}}
                s3.upload_file(str(file), bucket, prefix + path, ExtraArgs=extra)
            progress.update(bar, advance=file.stat().st_size)
    return found


def _there(s3: Any, bucket: str, key: str, digest: str) -> bool:
    try:
        return bool(s3.head_object(Bucket=bucket, Key=key)["Metadata"].get("sha256") == digest)
    except ClientError as error:
        if error.response["Error"]["Code"] != "404":
            raise
        return False


def _record(checkpoint: Checkpoint, files: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {
        "added": datetime.now(UTC).isoformat(timespec="seconds"),
        "repository": checkpoint.repository,
        "license": checkpoint.license,
        "parameters": checkpoint.parameters,
        "bytes": checkpoint.bytes,
        "files": files,
    }


def _added(data: Path | None) -> dict[str, float]:
    """Returns the megabytes of each model that was added."""
    s3 = client(settings_of(data=data), "s3")
    found: dict[str, float] = {}
    for gated in (False, True):
        bucket = keys.content_bucket(s3.meta.region_name, gated=gated)
        try:
            pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=keys.MODELS)
            objects = [each for page in pages for each in page.get("Contents", [])]
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchBucket":
                refuse(error)
            continue
        whole = {key.id for each in objects if (key := keys.parse_key(each["Key"])) and key.path == keys.ADDED}
        for each in objects:
            key = keys.parse_key(each["Key"])
            if key is not None and key.id in whole:
                found[key.id] = found.get(key.id, 0.0) + each["Size"] / 1e6
    return found


def _matches(entry: CatalogueEntry, word: str | None, task: str | None) -> bool:
    return (word is None or word.lower() in entry.id.lower()) and (task is None or entry.task == task)


def _weights(entry: CatalogueEntry, added: dict[str, float]) -> str:
    if entry.id in added:
        return f"{added[entry.id]:,.0f} MB, added"
    if entry.weights is not None:
        return f"{entry.weights.megabytes:,.0f} MB"
    return "trained from data" if entry.here else "not here"

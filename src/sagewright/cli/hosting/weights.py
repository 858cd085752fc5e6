"""`sagewright weights`: files of pretrained weights for built-in algorithms."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any

import typer
from botocore.exceptions import ClientError

from sagewright.cli.client import client
from sagewright.cli.jobs.kinds import refuse
from sagewright.cli.options import DataOption, console, fail, settings_of
from sagewright.cli.output import Format, JsonOption, OutputColumn, OutputOption, chosen, print_rows
from sagewright.model.settings import Settings

PREFIX = "sagewright-weights"
"""Key prefix under which `algorithms.deep.pretrained` looks for weights."""
ENDINGS = (".pth", ".safetensors")
LISTED = [
    OutputColumn("file", lambda one: str(one["Name"])),
    OutputColumn("MB", lambda one: f"{one['Size'] / 1e6:.1f}"),
    OutputColumn("sha256", lambda one: str(one["Sha256"])),
    OutputColumn("uri", lambda one: str(one["Uri"]), wide=True),
]

app = typer.Typer(help="Pretrained weights for built-in algorithms.", no_args_is_help=True)


@app.command("add")
def add(
    file: Annotated[
        Path, typer.Argument(help="A .pth file of torchvision under its own name, or a .safetensors file.")
    ],
    data: DataOption = None,
) -> None:
    """Store a file in the account's default bucket, for jobs with use_pretrained_model."""
    if file.suffix not in ENDINGS:
        fail(f"{file.name} is not a weights file: its name must end with {' or '.join(ENDINGS)}.")
    if not file.is_file():
        fail(f"There is no file {file}.")
    settings = settings_of(data=data)
    s3, bucket = client(settings, "s3"), bucket_of(settings)
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    try:
        _ensure(s3, bucket)
        s3.upload_file(str(file), bucket, f"{PREFIX}/{file.name}", ExtraArgs={"Metadata": {"sha256": digest}})
    except ClientError as error:
        refuse(error)
    console.print(f"s3://{bucket}/{PREFIX}/{file.name}  sha256 {digest}", soft_wrap=True)


@app.command("list")
def list_(data: DataOption = None, output: OutputOption = Format.TABLE, json: JsonOption = False) -> None:
    """List the stored files. JSON has Name, Size in bytes, Sha256 and Uri."""
    settings = settings_of(data=data)
    s3, bucket = client(settings, "s3"), bucket_of(settings)
    stored: list[dict[str, Any]] = []
    try:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{PREFIX}/"):
            for found in page.get("Contents", []):
                about = s3.head_object(Bucket=bucket, Key=found["Key"])
                name, digest = found["Key"].removeprefix(f"{PREFIX}/"), about["Metadata"].get("sha256", "")
                uri = f"s3://{bucket}/{found['Key']}"
                stored.append({"Name": name, "Size": found["Size"], "Sha256": digest, "Uri": uri})
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("NoSuchBucket", "404"):
            refuse(error)
    print_rows(stored, LISTED, chosen(output, json))


def bucket_of(settings: Settings) -> str:
    """Returns the account's default bucket, named as in AWS's SDK."""
    account = client(settings, "sts").get_caller_identity()["Account"]
    return f"sagemaker-{client(settings, 's3').meta.region_name}-{account}"


def _ensure(s3: Any, bucket: str) -> None:
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError:
        s3.create_bucket(Bucket=bucket)

"""Uploads the files of a destination that names its own S3 URI and is not an output of the job."""

from __future__ import annotations

from pathlib import Path

from sagewright.wrangler.errors import FlowError


def upload(folder: Path, uri: str) -> None:
    """Uploads all files below `folder`. Raises FlowError."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    prefix = f"{prefix.rstrip('/')}/" if prefix else ""
    client = boto3.client("s3")
    try:
        for one in sorted(folder.rglob("*")):
            if one.is_file():
                client.upload_file(str(one), bucket, f"{prefix}{one.relative_to(folder)}")
    except (BotoCoreError, ClientError, OSError) as error:
        raise FlowError(f"The output {uri} can't be written: {error}") from error

"""Inputs and outputs in S3, through files. Blocking: to be called in threads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, BinaryIO

import botocore.config
import botocore.exceptions
from s3transfer.manager import TransferManager

from sagewright.invoker.messages import InvokerObjects
from sagewright.model.aws.s3_clients import s3_session
from sagewright.model.aws.s3_uris import read_s3_uri

CONNECTIONS = 32
_PIECE = 1 << 20
_MULTIPART_BYTES = 16 << 20


class ObjectFailed(Exception):
    """S3 refused, or did not answer; the message describes the request."""


@dataclass(frozen=True)
class InputObject:
    """An object that was read. `content_type`: "" if it was put without one."""

    size: int
    content_type: str


class ObjectClient:
    """Safe to use from many threads. Each method raises ObjectFailed."""

    def __init__(self, objects: InvokerObjects) -> None:
        config = botocore.config.Config(
            s3={"addressing_style": "path"}, retries={"mode": "standard", "total_max_attempts": 5},
            max_pool_connections=CONNECTIONS, connect_timeout=10, read_timeout=60, proxies={},
        )  # fmt: skip
        self._client: Any = s3_session().create_client(
            "s3", region_name=objects.region, endpoint_url=objects.endpoint, config=config,
            aws_access_key_id=objects.access_key, aws_secret_access_key=objects.secret_key,
            aws_session_token=objects.session_token or None,
        )  # fmt: skip

    def read(self, uri: str, file: BinaryIO, most: int) -> InputObject:
        """Copies an object of at most `most` bytes into a file."""
        place = read_s3_uri(uri)
        try:
            answer = self._client.get_object(Bucket=place.bucket, Key=place.key)
            with answer["Body"] as body:
                size = int(answer["ContentLength"])
                if size > most:
                    raise ObjectFailed(f"The input at {uri} has {size} bytes; at most {most} are sent to a model.")
                while piece := body.read(_PIECE):
                    file.write(piece)
        except botocore.exceptions.ClientError as error:
            if error.response.get("Error", {}).get("Code") in {"NoSuchKey", "404"}:
                raise ObjectFailed(f"Unable to access the input at {uri}: there is no such object.") from None
            raise ObjectFailed(_said(f"read the input at {uri}", error)) from None
        except botocore.exceptions.BotoCoreError as error:
            raise ObjectFailed(f"cannot read the input at {uri}: {error}") from None
        return InputObject(size, str(answer.get("ContentType", "")))

    def write(self, uri: str, file: BinaryIO, size: int, content_type: str) -> None:
        """Puts a file, from its beginning."""
        place = read_s3_uri(uri)
        file.seek(0)
        try:
            if size < _MULTIPART_BYTES:
                self._client.put_object(Bucket=place.bucket, Key=place.key, Body=file, ContentType=content_type)
                return
            with TransferManager(self._client) as transfers:
                extra = {"ContentType": content_type}
                transfers.upload(file, place.bucket, place.key, extra_args=extra).result()
        except botocore.exceptions.ClientError as error:
            raise ObjectFailed(_said(f"write the output to {uri}", error)) from None
        except botocore.exceptions.BotoCoreError as error:
            raise ObjectFailed(f"cannot write the output to {uri}: {error}") from None


def _said(what: str, error: botocore.exceptions.ClientError) -> str:
    described = error.response.get("Error", {})
    return f"cannot {what}: {described.get('Code', '')}: {described.get('Message', '')}"

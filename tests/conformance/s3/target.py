"""A server that is checked: its address and a key, and the ways to ask it something."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import re
import socket
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.client import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

ACCOUNT = "000000000000"


@dataclass(frozen=True)
class Answer:
    """An answer, with header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        found = re.search(rb"<Code>(.*?)</Code>", self.body)
        return found[1].decode() if found else ""


@dataclass(frozen=True)
class Target:
    """A server and a key of it that may do everything. `made`: buckets that checks made."""

    name: str
    endpoint: str
    access: str
    secret: str
    account: str = ACCOUNT
    made: list[str] = field(default_factory=list)

    @cached_property
    def s3(self) -> Any:
        return self.boto()

    def boto(self, **options: Any) -> Any:
        """An ordinary client; it tries nothing twice, so that a failure is seen."""
        config = Config(retries={"max_attempts": 1}, read_timeout=30).merge(options.pop("config", Config()))
        return boto3.client("s3", **self.settings(), config=config, **options)

    def resource(self) -> Any:
        return boto3.resource("s3", **self.settings())

    def settings(self) -> dict[str, str]:
        return {
            "endpoint_url": self.endpoint,
            "aws_access_key_id": self.access,
            "aws_secret_access_key": self.secret,
            "region_name": "us-east-1",
        }

    def bucket(self, **parameters: Any) -> str:
        """A new bucket."""
        name = f"b-{uuid.uuid4().hex[:24]}"
        self.s3.create_bucket(Bucket=name, **parameters)
        self.made.append(name)
        return name

    def open_bucket(self) -> str:
        """A new bucket whose public access is not blocked."""
        name = self.bucket()
        with contextlib.suppress(ClientError):  # a server that blocks nothing has nothing to delete
            self.s3.delete_public_access_block(Bucket=name)
        return name

    def clear(self) -> None:
        """Delete the buckets that were made, as far as that goes."""
        while self.made:
            name = self.made.pop()
            with contextlib.suppress(ClientError):
                self.s3.delete_bucket_policy(Bucket=name)
            with contextlib.suppress(ClientError):
                found = self.s3.list_object_versions(Bucket=name)
                entries = found.get("Versions", []) + found.get("DeleteMarkers", [])
                named = [{"Key": e["Key"], "VersionId": e["VersionId"]} for e in entries]
                if named:
                    self.s3.delete_objects(Bucket=name, Delete={"Objects": named})
                for upload in self.s3.list_multipart_uploads(Bucket=name).get("Uploads", []):
                    self.s3.abort_multipart_upload(Bucket=name, Key=upload["Key"], UploadId=upload["UploadId"])
                self.s3.delete_bucket(Bucket=name)

    @property
    def address(self) -> str:
        """host:port"""
        return urlsplit(self.endpoint).netloc

    def ask(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None, host: str = ""
    ) -> Answer:
        """A request without a signature; `path` is sent as it is."""
        connection = http.client.HTTPConnection(self.address, timeout=30)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            sent = {"Host": host or self.address, **(headers or {})}
            if body or method in {"PUT", "POST"}:
                sent.setdefault("Content-Length", str(len(body)))
            for name, value in sent.items():
                connection.putheader(name, value.encode() if isinstance(value, str) else value)
            connection.endheaders(body or None)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, answer.read())
        finally:
            connection.close()

    def ask_signed(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        host: str = "",
    ) -> Answer:
        """A signed request that boto3 would not make."""
        request = AWSRequest(method, f"http://{host or self.address}{path}", data=body, headers=dict(headers or {}))
        S3SigV4Auth(Credentials(self.access, self.secret), "s3", "us-east-1").add_auth(request)
        return self.ask(method, path, body, dict(request.headers.items()), host)

    @staticmethod
    def md5(body: bytes) -> dict[str, str]:
        """The header that S3 wants with documents."""
        return {"Content-MD5": base64.b64encode(hashlib.md5(body).digest()).decode()}

    def sign(self, method: str, path: str, headers: Mapping[str, str]) -> dict[str, str]:
        """`headers` with a signature over them alone."""
        request = AWSRequest(method, f"{self.endpoint}{path}", headers=dict(headers))
        signer = OverHeaders(Credentials(self.access, self.secret), "s3", "us-east-1")
        signer.digest = next((v for n, v in headers.items() if n.lower() == "x-amz-content-sha256"), signer.digest)
        signer.add_auth(request)
        return dict(request.headers.items())

    def ask_announced(self, path: str, headers: Mapping[str, str]) -> Answer:
        """A PUT of which only the headers are sent."""
        connection = http.client.HTTPConnection(self.address, timeout=60)
        try:
            connection.putrequest("PUT", path, skip_accept_encoding=True)
            for name, value in self.sign("PUT", path, {**headers, "Expect": "100-continue"}).items():
                connection.putheader(name, value)
            connection.endheaders()
            answer = connection.getresponse()
            return Answer(answer.status, {}, answer.read())
        finally:
            connection.close()

    def continues(self, path: str, body: bytes) -> bool:
        """Whether a PUT that waits with its body is asked to send it, and completes."""
        asked = {"Content-Length": str(len(body)), "Expect": "100-continue"}
        asked["x-amz-content-sha256"] = "UNSIGNED-PAYLOAD"
        headers = self.sign("PUT", path, asked)
        lines = [f"PUT {path} HTTP/1.1", f"Host: {self.address}", *(f"{n}: {v}" for n, v in headers.items())]
        host, _, port = self.address.partition(":")
        with socket.create_connection((host, int(port)), timeout=60) as connection:
            connection.sendall("\r\n".join([*lines, "", ""]).encode())
            read = connection.recv(4096)
            if not read.startswith(b"HTTP/1.1 100"):
                return False
            connection.sendall(body)
            while read.count(b"HTTP/1.1 ") < 2 and (more := connection.recv(4096)):  # both may have come at once
                read += more
            return b"HTTP/1.1 200" in read


class OverHeaders(S3SigV4Auth):
    """A signature over headers alone; `digest` is what they say of the body."""

    digest = "UNSIGNED-PAYLOAD"

    def payload(self, request: Any) -> str:
        return self.digest


def refusal(call: Callable[..., Any], **parameters: Any) -> tuple[str, int]:
    """The code and the HTTP status with which a call is refused. Raises AssertionError if it isn't."""
    try:
        call(**parameters)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    raise AssertionError("was not refused")


def fault(call: Callable[..., Any], **parameters: Any) -> dict[str, Any]:
    """The error with which a call is refused, with all that it tells. Raises AssertionError if it isn't."""
    try:
        call(**parameters)
    except ClientError as error:
        return dict(error.response["Error"])
    raise AssertionError("was not refused")


def put(target: Target, bucket: str, *keys: str) -> None:
    """An object under each key, whose bytes are its key's."""
    for key in keys:
        target.s3.put_object(Bucket=bucket, Key=key, Body=key.encode())

"""Studio's client of S3 and of endpoints: operations over HTTP, signed as the principal, since their bodies are streams.

The requests go to this server itself, or to the S3 that stores its objects, and are checked like any client's.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sagewright.model.clock import now_ms
from sagewright.model.errors import AwsError
from sagewright.objects.access import Access, ObjectStore
from sagewright.store import identity
from sagewright.store.database import Database
from sagewright.store.identity import NewKey

LIVES_S = 3600
MOST_CLIENTS = 64
PRESIGNED_S = 900
MOST_BODY = 16 * 1024 * 1024
"""Maximum number of bytes of an object that a call returns."""


SERVICES = frozenset({"s3", "sagemaker-runtime"})


@dataclass(frozen=True)
class KeptClient:
    """A client of boto3, the key that it signs with, and its creation by the monotonic clock."""

    since_s: float
    key_id: str
    client: Any


class HttpCalls:
    """Calls operations of SERVICES. `url`: the server's own URL."""

    def __init__(self, store: Database, objects: ObjectStore, url: Callable[[], str], region: str) -> None:
        self._store, self._objects, self._url, self._region = store, objects, url, region
        self._clients: dict[tuple[str, str, str], KeptClient] = {}
        self._lock = threading.Lock()

    def __call__(self, principal: str, service: str, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Returns the response; `Body` as bytes, at most MOST_BODY. Raises AwsError."""
        from botocore import xform_name
        from botocore.exceptions import BotoCoreError, ClientError

        client = self._client(principal, service)
        try:
            answer: dict[str, Any] = getattr(client, xform_name(operation))(**request)
            if hasattr(answer.get("Body"), "read"):
                answer["Body"] = answer["Body"].read(MOST_BODY)
        except ClientError as error:
            status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400))
            raise AwsError(
                str(error.response["Error"]["Code"]), str(error.response["Error"]["Message"]), status
            ) from None
        except (BotoCoreError, TypeError, AttributeError) as error:
            raise AwsError("ValidationException", str(error)) from None
        answer.pop("ResponseMetadata", None)
        return answer

    def object_url(self, principal: str, base: str, bucket: str, key: str, shown: bool = False) -> str:
        """Returns a URL that downloads an object for PRESIGNED_S, or with `shown` opens it; `base`: the server's URL as the browser
        knows it."""
        given = {"Bucket": bucket, "Key": key}
        if not shown:
            name = key.rpartition("/")[2].replace('"', "")
            given["ResponseContentDisposition"] = f'attachment; filename="{name}"'
        url: str = self._client(principal, "s3", base).generate_presigned_url("get_object", given, PRESIGNED_S)
        return url

    def upload_form(self, principal: str, base: str, bucket: str, prefix: str, back: str) -> tuple[str, dict[str, str]]:
        """Returns the address and fields of a form that uploads one file below a prefix, and then opens `back`."""
        given = {"success_action_redirect": back}
        conditions = [["starts-with", "$key", prefix], {"success_action_redirect": back}]
        client = self._client(principal, "s3", base)
        made = client.generate_presigned_post(bucket, f"{prefix}${{filename}}", given, conditions, PRESIGNED_S)
        return made["url"], made["fields"]

    def _client(self, principal: str, service: str, base: str = "") -> Any:
        """Returns a client that is kept for half of its key's time, unless the key has ended with the principal's sessions. `base`:
        the server's URL, if the client's URLs are for a browser."""
        with self._lock:
            kept = self._clients.get((principal, service, base))
            young = kept is not None and time.monotonic() - kept.since_s < LIVES_S / 2
            if kept is not None and young and identity.find_key(self._store, kept.key_id) is not None:
                return kept.client
            if len(self._clients) >= MOST_CLIENTS:
                self._clients.clear()
            made = self._clients[principal, service, base] = self._made(principal, service, base)
            return made.client

    def _made(self, principal: str, service: str, base: str) -> KeptClient:
        import boto3
        from botocore.config import Config

        user = f"{principal.rpartition('/')[2]}:studio"
        new = NewKey(principal, user, temporary=True, expires_ms=now_ms() + LIVES_S * 1000)
        key = identity.create_key(self._store, new)
        own = Access(base or self._url(), self._region, key.id, key.secret, key.session_token or "")
        found = self._objects.access(own) if service == "s3" else own
        client = boto3.client(
            service,
            endpoint_url=found.endpoint,
            region_name=found.region,
            aws_access_key_id=found.access_key,
            aws_secret_access_key=found.secret_key,
            aws_session_token=found.session_token or None,
            config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}, read_timeout=30),
        )
        return KeptClient(time.monotonic(), key.id, client)

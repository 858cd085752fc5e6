"""Another S3 in place of the embedded store: its clients come through this server's port, agents go to it directly."""

from __future__ import annotations

import threading
from typing import Any

import botocore.config
import botocore.session
from botocore.exceptions import BotoCoreError, ClientError

from sagewright.model.errors import AwsError
from sagewright.model.settings import Settings
from sagewright.objects.access import Access
from sagewright.objects.housekeeping import Housekeeper

CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 60


def unavailable(access: Access, error: Exception) -> AwsError:
    """What is answered while the other S3 does not."""
    why = str(getattr(error, "reason", None) or error).rpartition("object at ")[2].partition(">: ")[2] or str(error)
    return AwsError("ServiceUnavailable", f"The object store at {access.endpoint} does not answer: {why}", 503)


class ExternalStore:
    """See ObjectStore. All that it raises is AwsError, with the codes of the other S3."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._client: Any = botocore.session.Session().create_client(
            "s3",
            region_name=access.region,
            endpoint_url=access.endpoint,
            aws_access_key_id=access.access_key,
            aws_secret_access_key=access.secret_key,
            config=botocore.config.Config(
                s3={"addressing_style": "path"},
                retries={"mode": "standard", "total_max_attempts": 2},
                connect_timeout=CONNECT_TIMEOUT_S,
                read_timeout=READ_TIMEOUT_S,
                proxies={},
            ),
        )

    def exists_any(self, bucket: str, prefix: str) -> bool:
        try:
            return bool(self._client.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1).get("Contents"))
        except ClientError as error:
            told, status = error.response["Error"], error.response["ResponseMetadata"]["HTTPStatusCode"]
            raise AwsError(told.get("Code", ""), told.get("Message", ""), status) from error
        except BotoCoreError as error:
            raise unavailable(self._access, error) from error

    def access(self, own: Access) -> Access:  # noqa: ARG002
        return self._access

    def housekeeper(self, settings: Settings) -> Housekeeper:  # noqa: ARG002
        """The other S3 looks after itself."""
        return Housekeeper([], threading.Event())

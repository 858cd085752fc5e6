"""boto3 clients of the running server, for the commands that ask it something."""

from __future__ import annotations

from typing import Any

import boto3

from sagewright.cli.options import fail
from sagewright.door.environment import NoServer, find_target
from sagewright.model.settings import Settings


def client(settings: Settings, service: str) -> Any:
    """Ends the command when no server runs."""
    try:
        target = find_target(settings.data, settings.region, settings.account)
    except NoServer as error:
        fail(str(error))
    return boto3.client(
        service,
        endpoint_url=target.endpoint,
        aws_access_key_id=target.access_key_id,
        aws_secret_access_key=target.secret_access_key,
        region_name=target.region,
    )

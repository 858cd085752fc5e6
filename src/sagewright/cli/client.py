"""boto3 clients of the running server, for commands that move data or use protocols that `lean` does not speak."""

from __future__ import annotations

from typing import Any

from sagewright.cli.options import fail
from sagewright.door.environment import NoServer, find_target
from sagewright.model.settings import Settings


def client(settings: Settings, service: str) -> Any:
    """Returns a client; ends the command if no server runs."""
    import boto3

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
        verify=target.authority or None,
    )

"""boto3 clients of the running server, for commands that query it."""

from __future__ import annotations

from typing import Any

from sagewright.cli.options import fail
from sagewright.door.environment import NoServer, ServerTarget, find_target
from sagewright.model.settings import Settings


def client(settings: Settings, service: str) -> Any:
    """Returns a client; ends the command if no server runs."""
    import boto3

    target = _target(settings)
    return boto3.client(
        service,
        endpoint_url=target.endpoint,
        aws_access_key_id=target.access_key_id,
        aws_secret_access_key=target.secret_access_key,
        region_name=target.region,
    )


def post(settings: Settings, path: str) -> None:
    """Sends a request for which AWS has no operation; ends the command if the server refuses."""
    _ask(settings, "POST", path)


def get(settings: Settings, path: str) -> Any:
    """Returns the response to a request for which AWS has no operation; ends the command if the server refuses."""
    import orjson

    return orjson.loads(_ask(settings, "GET", path))


def _ask(settings: Settings, method: str, path: str) -> bytes:
    import orjson
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    from botocore.httpsession import URLLib3Session

    target = _target(settings)
    request = AWSRequest(method, f"{target.endpoint}/_sagewright/{path}", data=b"")
    SigV4Auth(Credentials(target.access_key_id, target.secret_access_key), "sagewright", target.region).add_auth(
        request
    )
    answer = URLLib3Session().send(request.prepare())
    if answer.status_code >= 400:
        fail(str(orjson.loads(answer.content)["message"]))
    return bytes(answer.content)


def _target(settings: Settings) -> ServerTarget:
    try:
        return find_target(settings.data, settings.region, settings.account)
    except NoServer as error:
        fail(str(error))

"""Every served operation answers each broken constraint of its model with the code of its service.

Source: the models of botocore, which are AWS's; "Common errors" of each service's API reference for the codes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore import xform_name
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from botocore.httpsession import URLLib3Session

from sagewright.services import registry
from sagewright.wire.models import SERVICES, operation_model
from validation.wrong import Wrong, wrong_requests

if TYPE_CHECKING:
    from conftest import RunningServer

CODES = {
    "sagemaker": "ValidationException",
    "logs": "InvalidParameterException",
    "ecr": "InvalidParameterException",
    "cloudwatch": "ValidationError",
}
SIGNED_AS = {"cloudwatch": "monitoring"}
OPERATIONS = sorted(key for key in registry.load() if key[0] in CODES)


class Raw:
    """Signed requests of JSON that no client has checked."""

    def __init__(self, server: RunningServer, service: str) -> None:
        self._endpoint, self._service = server.endpoint, service
        self._session, self._credentials = URLLib3Session(), Credentials(*server.key())

    def __call__(self, operation: str, document: dict[str, Any]) -> tuple[int, dict[str, Any], str]:
        headers = {
            "X-Amz-Target": f"{SERVICES[self._service]}.{operation}",
            "Content-Type": "application/x-amz-json-1.1",
        }
        request = AWSRequest("POST", self._endpoint, data=json.dumps(document).encode(), headers=headers)
        SigV4Auth(self._credentials, SIGNED_AS.get(self._service, self._service), "us-east-1").add_auth(request)
        answer = self._session.send(request.prepare())
        return answer.status_code, json.loads(answer.content), answer.headers.get("x-amzn-errortype", "")


@pytest.mark.parametrize(("service", "name"), OPERATIONS)
def test_wrong_requests(server: RunningServer, service: str, name: str) -> None:
    model = operation_model(service, name)
    assert model is not None
    ask, faults = Raw(server, service), []
    for wrong in wrong_requests(model):
        status, answer, kind = ask(name, wrong.request)
        expected = "SerializationException" if wrong.kind == "type" else CODES[service]
        if (status, answer["__type"], kind) != (400, expected, expected):
            faults.append(f"{wrong.name}: {status} {answer['__type']}: {answer.get('message', '')[:160]}")
        elif wrong.kind not in {"type", "missing"} and _camel(wrong) not in answer["message"]:
            faults.append(f"{wrong.name} is not named: {answer['message'][:160]}")
    assert not faults, "\n".join(faults)


FORMS = sorted(key for key in registry.load() if key[0] in {"iam", "sts"})


@pytest.mark.parametrize(("service", "name"), FORMS)
def test_wrong_forms(server: RunningServer, service: str, name: str) -> None:
    client = server.boto(service, config=Config(parameter_validation=False))
    model, faults = client.meta.service_model.operation_model(name), []
    for wrong in wrong_requests(model):
        if wrong.kind == "type":  # every value of a form is text
            continue
        with pytest.raises(ClientError) as caught:
            getattr(client, xform_name(name))(**wrong.request)
        answer = caught.value.response
        if (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) != ("ValidationError", 400):
            faults.append(f"{wrong.name}: {answer['Error']}")
    assert not faults, "\n".join(faults)


def _camel(wrong: Wrong) -> str:
    """How the message names the member at which it begins."""
    first = wrong.member.partition(".")[0].partition("[")[0]
    return first[:1].lower() + first[1:]

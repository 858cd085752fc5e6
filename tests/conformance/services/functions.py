"""Lambda's functions."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from services.check import check
from services.target import Target, fresh, refused

CODE = "def handler(event, context):\n    return {'seen': event, 'name': context.function_name}\n"
FAILS = "def handler(event, context):\n    raise ValueError('not this one')\n"


def archive(code: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as files:
        files.writestr("app.py", code)
    return packed.getvalue()


TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def asked(target: Target, packed: bytes) -> dict[str, Any]:
    """Arguments of CreateFunction, with an existing role."""
    role = fresh("role")
    made = target.boto("iam").create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(TRUST))
    return {
        "Runtime": "python3.11",
        "Role": made["Role"]["Arn"],
        "Handler": "app.handler",
        "Code": {"ZipFile": packed},
    }


def create(target: Target, code: str = CODE) -> str:
    """The name of a new function."""
    name = fresh()
    target.boto("lambda").create_function(FunctionName=name, **asked(target, archive(code)))
    return name


@check
def a_function_answers_with_what_its_handler_returns(target: Target) -> None:
    """API Invoke: Payload: the response from the function; StatusCode 200 for RequestResponse; ExecutedVersion"""
    name, client = create(target), target.boto("lambda")
    described = client.invoke(FunctionName=name, Payload=json.dumps({"a": [1, "\u00fc"]}))
    assert (described["StatusCode"], described["ExecutedVersion"], "FunctionError" in described) == (
        200,
        "$LATEST",
        False,
    )
    assert json.loads(described["Payload"].read()) == {"seen": {"a": [1, "\u00fc"]}, "name": name}


@check
def a_handler_that_raises_is_a_function_error(target: Target) -> None:
    """API Invoke: FunctionError: if present, indicates that an error occurred; details in the payload"""
    described = target.boto("lambda").invoke(FunctionName=create(target, FAILS), Payload=b"{}")
    assert (described["StatusCode"], described["FunctionError"]) == (200, "Unhandled")
    payload = json.loads(described["Payload"].read())
    assert (payload["errorType"], payload["errorMessage"]) == ("ValueError", "not this one")


@check
def a_dry_run_runs_nothing(target: Target) -> None:
    """API Invoke: InvocationType DryRun: validate parameter values; status code 204"""
    described = target.boto("lambda").invoke(FunctionName=create(target, FAILS), InvocationType="DryRun")
    assert described["StatusCode"] == 204


@check
def an_event_is_accepted(target: Target) -> None:
    """API Invoke: InvocationType Event: invoke the function asynchronously; status code 202"""
    described = target.boto("lambda").invoke(FunctionName=create(target), InvocationType="Event", Payload=b"{}")
    assert described["StatusCode"] == 202


@check
def a_name_twice_conflicts(target: Target) -> None:
    """API CreateFunction: ResourceConflictException: the resource already exists; HTTP Status Code: 409"""
    name, client = create(target), target.boto("lambda")
    wanted = asked(target, archive(CODE))
    assert refused(client.create_function, FunctionName=name, **wanted) == ("ResourceConflictException", 409)


@check
def a_function_that_is_not_there_is_not_found(target: Target) -> None:
    """API GetFunction, API Invoke, API DeleteFunction: ResourceNotFoundException; HTTP Status Code: 404"""
    client = target.boto("lambda")
    for call in (client.get_function, client.invoke, client.delete_function):
        assert refused(call, FunctionName=fresh()) == ("ResourceNotFoundException", 404)


@check
def what_is_no_archive_is_refused(target: Target) -> None:
    """API CreateFunction: InvalidParameterValueException: one of the parameters in the request is not valid; 400"""
    call, wanted = target.boto("lambda").create_function, asked(target, b"no archive")
    assert refused(call, FunctionName=fresh(), **wanted) == ("InvalidParameterValueException", 400)


@check
def what_is_no_json_is_refused(target: Target) -> None:
    """API Invoke: InvalidRequestContentException: the request body could not be parsed as JSON; 400"""
    call = target.boto("lambda").invoke
    assert refused(call, FunctionName=create(target), Payload=b"{no") == ("InvalidRequestContentException", 400)


@check
def a_configuration_is_updated(target: Target) -> None:
    """API UpdateFunctionConfiguration: Timeout, MemorySize, Environment"""
    name, client = create(target), target.boto("lambda")
    client.get_waiter("function_active_v2").wait(FunctionName=name)
    changed = {"Timeout": 7, "MemorySize": 256, "Environment": {"Variables": {"AB": "c"}}}
    client.update_function_configuration(FunctionName=name, **changed)
    client.get_waiter("function_updated_v2").wait(FunctionName=name)
    described = client.get_function_configuration(FunctionName=name)
    assert {key: described[key] for key in changed} == changed

"""Invoke: runs a job whose process calls the function's handler. Source: AWS's API reference, Lambda, Invoke."""

from __future__ import annotations

import base64
import json
import time
import uuid
from typing import Any

from sagewright.kinds.base import OWNER
from sagewright.kinds.function import PREPARE_S, TOGETHER, log_stream_of
from sagewright.kinds.table import KINDS
from sagewright.model.clock import now_ms
from sagewright.model.documents import read_json
from sagewright.model.errors import AwsError
from sagewright.model.jobs.brief import FaultClass
from sagewright.model.jobs.state_machines import FUNCTION, SecondaryStatus, Status
from sagewright.model.quotas import requester_of
from sagewright.services.aws.functions.functions import log_group
from sagewright.services.aws.functions.names import LATEST, arn_of, require
from sagewright.services.context import Context
from sagewright.services.registry import operation
from sagewright.store.jobs import jobs, queue
from sagewright.store.jobs.jobs import Job, JobClaim, JobDraft, JobNameTaken, ResourceScope
from sagewright.store.logs import log_events, logs
from sagewright.store.resources.resources import Resource

KIND = KINDS[FUNCTION.kind]
MOST_PAYLOAD, MOST_EVENT = 6_291_456, 1_048_576
"""Maximum payload in bytes of synchronous and asynchronous invocations. Source: AWS's guide, "Lambda quotas"."""
MOST_ANSWER = 6_291_556
"""Maximum size in bytes of a function's result. Source: the same guide; the wording of the error is Lambda's."""
TAIL = 4096
PREFIX = "invoke-"
"""Name prefix of invocations that only their request waits for."""
LOOK_S = (0.004, 0.05)
"""First and longest pause between two polls of an invocation, in seconds."""
ANSWERED, ACCEPTED, DRY = 200, 202, 204


@operation("lambda", "Invoke")
def invoke(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    """Invokes a function. The engine, which identifies its invocation by `owner`, polls instead of waiting: it gets 202 until there
    is a result."""
    function, type_ = require(context, request), request.get("InvocationType") or "RequestResponse"
    if type_ == "DryRun":
        return {"StatusCode": DRY}
    own = context.owner is not None and bool(context.owner.job)
    if own and not request.get("Payload"):
        job = _made_before(context)
        return _answer(context, request, job) if job.ended else {"StatusCode": ACCEPTED}
    event = _event(request, MOST_EVENT if type_ == "Event" else MOST_PAYLOAD)
    job = (
        _make(context, request, function, event)
        if type_ == "Event" or own
        else _make_now(context, request, function, event)
    )
    if own:
        return _answer(context, request, job) if job.ended else {"StatusCode": ACCEPTED}
    if type_ == "Event":
        return {"StatusCode": ACCEPTED, "Payload": b""}
    return _answer(context, request, _await(context, job, function.document["Timeout"]))


def _made_before(context: Context) -> Job:
    """Returns the engine's earlier invocation, whose payload was already sent. Raises ResourceNotFoundException."""
    name = context.owner.job if context.owner else ""
    job = jobs.find(context.store, ResourceScope(KIND.name, context.account, context.region), name)
    if job is None:
        raise AwsError("ResourceNotFoundException", f"There is no invocation {name}.", 404)
    return job


def _event(request: dict[str, Any], most: int) -> Any:
    """Raises InvalidRequestContentException, RequestTooLargeException."""
    payload = request.get("Payload") or b"{}"
    data = payload.encode() if isinstance(payload, str) else bytes(payload)
    if len(data) > most:
        raise AwsError(
            "RequestTooLargeException",
            f"{len(data)} byte payload is too large for the invocation type (limit {most} bytes)",
            413,
        )
    try:
        return read_json(data)
    except ValueError as error:
        raise AwsError(
            "InvalidRequestContentException",
            f"Could not parse request body into json: {error}",
            fields={"Type": "User"},
        ) from None


def _client_context(request: dict[str, Any]) -> Any:
    text = request.get("ClientContext")
    if not text:
        return None
    try:
        return read_json(base64.b64decode(text))
    except ValueError:
        raise AwsError(
            "InvalidRequestContentException", "Client context must be a valid Base64-encoded JSON object."
        ) from None


def _make_now(context: Context, request: dict[str, Any], function: Resource, event: Any) -> Job:
    """Creates an invocation that starts at once. Raises TooManyRequestsException."""
    if queue.count_active(context.store, KIND.name) >= TOGETHER:
        fields = {"Reason": "ConcurrentInvocationLimitExceeded", "Type": "User"}
        raise AwsError(
            "TooManyRequestsException", f"Rate Exceeded. {TOGETHER} invocations may run at once.", 429, fields
        )
    return _make(context, request, function, event)


def _make(context: Context, request: dict[str, Any], function: Resource, event: Any) -> Job:
    """Creates the job of the invocation, or returns the existing one for a repeated request of the engine."""
    owner, document = context.owner, function.document
    kept: dict[str, Any] = {
        "Function": {
            "FunctionName": function.name,
            "Arn": arn_of(context, function.name),
            **{member: document[member] for member in ("Handler", "Runtime", "Role", "Timeout", "MemorySize")},
            "Environment": (document.get("Environment") or {}).get("Variables") or {},
            "Code": document["CodeUri"],
            "LogGroup": log_group(function),
        },
        "InvokedArn": arn_of(context, function.name),
        "RequestId": context.request_id if _is_uuid(context.request_id) else str(uuid.uuid4()),
        "AtMs": now_ms(),
        "Payload": event,
        "ClientContext": _client_context(request),
    }
    if owner is not None:
        kept[OWNER] = {"Kind": owner.kind, "Id": owner.id, "Arn": owner.arn}
    name = owner.job if owner is not None and owner.job else f"{PREFIX}{kept['RequestId']}"
    claim = JobClaim(requester_of(context.principal.arn), document["Role"].rpartition("/")[2])
    draft = JobDraft(name, kept, principal=context.principal.arn, claim=claim)
    try:
        job = jobs.create(context.store, ResourceScope(KIND.name, context.account, context.region), draft)
    except JobNameTaken as taken:
        return taken.job
    context.engine.wake(job.kind, job.id)
    return job


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def _await(context: Context, job: Job, timeout_s: int) -> Job:
    """Waits for the job to end. Raises ServiceException."""
    until, pause = time.monotonic() + timeout_s + PREPARE_S + 60, LOOK_S[0]
    while time.monotonic() < until:
        found = jobs.get(context.store, job.id)
        if found is None or found.ended:
            return found or job
        time.sleep(pause)
        pause = min(pause * 1.2, LOOK_S[1])
    raise AwsError("ServiceException", "The invocation did not end in time.", 500)


def _answer(context: Context, request: dict[str, Any], job: Job) -> dict[str, Any]:
    """Raises ServiceException for failures outside of the function."""
    payload, error = _outcome(job)
    described: dict[str, Any] = {"StatusCode": ANSWERED, "ExecutedVersion": LATEST, "Payload": payload.encode()}
    if error:
        described["FunctionError"] = error
    if request.get("LogType") == "Tail":
        described["LogResult"] = base64.b64encode(_tail(context, job)).decode()
    return described


def _outcome(job: Job) -> tuple[str, str]:
    """Returns the function's result, and the kind of its error, "" if it succeeded."""
    request_id, reason = job.request["RequestId"], job.failure_reason or ""
    if job.status == Status.COMPLETED and job.exit_message:
        return _read(job.exit_message, request_id)
    if job.status == Status.COMPLETED:
        return _fault("Runtime.ExitError", f"RequestId: {request_id} Error: Runtime exited without providing a reason")
    if job.secondary_status == SecondaryStatus.MAX_RUNTIME_EXCEEDED:
        seconds = job.request["Function"]["Timeout"]
        return _fault("Sandbox.Timedout", f"RequestId: {request_id} Error: Task timed out after {seconds:.2f} seconds")
    if reason.startswith(FaultClass.ALGORITHM):
        return _fault("Runtime.ExitError", f"RequestId: {request_id} Error: {reason.partition(': ')[2]}")
    if reason.startswith(FaultClass.CLIENT):
        return _fault("Runtime.CannotStart", f"RequestId: {request_id} Error: {reason.partition(': ')[2]}")
    raise AwsError("ServiceException", reason or f"The invocation {request_id} was stopped.", 500)


def _read(message: str, request_id: str) -> tuple[str, str]:
    """Parses the message defensively: the function's process has written it."""
    try:
        document = json.loads(message)
        payload, error = document["payload"], document["error"]
        if len(payload.encode()) > MOST_ANSWER:
            return _fault(
                "Function.ResponseSizeTooLarge",
                f"Response payload size exceeded maximum allowed payload size ({MOST_ANSWER} bytes).",
            )
        json.loads(payload)
    except (AttributeError, ValueError, TypeError, KeyError, RecursionError):
        return _fault("Runtime.ExitError", f"RequestId: {request_id} Error: The function's answer can't be read")
    return payload, "Unhandled" if error else ""


def _fault(kind: str, message: str) -> tuple[str, str]:
    return json.dumps({"errorType": kind, "errorMessage": message}), "Unhandled"


TAB = "#011"
"""Representation of a tab in the logs of jobs; the tail of a function's log contains it as printed."""


def _tail(context: Context, job: Job) -> bytes:
    """Returns the end of the invocation's log."""
    scope = logs.LogScope(context.account, context.region)
    group = job.request["Function"]["LogGroup"]
    stream = logs.find_stream(context.store, scope, group, log_stream_of(job.request))
    if stream is None:
        return b""
    window = log_events.Window(forward=False, limit=500, most_bytes=8 * TAIL)
    found = log_events.read(context.store, stream, window)
    text = "".join(f"{event.message}\n" for event in sorted(found, key=lambda event: event.seq)).replace(TAB, "\t")
    return text.encode()[-TAIL:].decode(errors="ignore").encode()

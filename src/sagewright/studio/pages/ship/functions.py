"""Functions: the list, and a function with its last invocations and a form to invoke it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sagewright.model.documents import read_json
from sagewright.model.errors import AwsError, ValidationException
from sagewright.studio import tables
from sagewright.studio.buttons import Button
from sagewright.studio.operations import OperationCall
from sagewright.studio.pages.ship.logs import LogPage, read_group
from sagewright.studio.rendering import when
from sagewright.studio.tables import EmptyState, Listing, ListSource, Row, TableColumn
from sagewright.studio.visit import Visit, form, page

START = EmptyState(
    "No function yet",
    "import boto3\n\n"
    'boto3.client("lambda").create_function(FunctionName="notify", Runtime="python3.12", Handler="f.handler",\n'
    '    Role="arn:aws:iam::000000000000:role/SageMakerExecutionRole", Code={"ZipFile": open("f.zip", "rb").read()})',
)
PATH = "/studio/functions"
SOURCE = ListSource(
    "ListFunctions", "Functions", name_filter="", service="lambda", each=50, size="MaxItems", after="Marker", then="NextMarker"
)  # fmt: skip


@page("/functions", "list.html", "functions", ("function",))
def functions(visit: Visit) -> Listing:
    read = tables.read(visit, SOURCE)
    columns = (
        TableColumn("Name", "name"),
        TableColumn("Runtime", "text"),
        TableColumn("Handler", "text", "", 2),
        TableColumn("Memory MB", "number", "", 1),
        TableColumn("Timeout s", "number", "", 1),
        TableColumn("Changed", "time"),
    )
    rows = tuple(
        Row(
            one["FunctionName"],
            (
                tables.name(one["FunctionName"], f"{PATH}/{one['FunctionName']}"),
                tables.text(one.get("Runtime", ""), look="soft"),
                tables.text(one.get("Handler", ""), look="soft"),
                tables.count(one.get("MemorySize")),
                tables.count(one.get("Timeout")),
                tables.time(when(one.get("LastModified"))),
            ),
        )
        for one in read.rows
    )
    return Listing(
        "Functions",
        columns,
        rows,
        START,
        crumb="Ship",
        **read.position,
        hint="",
    )


@dataclass(frozen=True)
class FunctionView:
    name: str
    state: str
    settings: tuple[tuple[str, str], ...]
    variables: tuple[tuple[str, str], ...]
    log: LogPage
    acts: tuple[Button, ...]
    sent: str = '{"key": "value"}'
    answer: str = ""
    failed: str = ""


@page("/functions/{name}", "function.html", "functions", ("function", "function-invocation"))
def function(visit: Visit) -> FunctionView:
    name = visit.path["name"]
    found: dict[str, Any] = visit.client.call("lambda", "GetFunction", FunctionName=name)["Configuration"]
    settings = {
        "ARN": found["FunctionArn"],
        "Runtime": found.get("Runtime", ""),
        "Handler": found.get("Handler", ""),
        "Role": found.get("Role", ""),
        "Memory": f"{found.get('MemorySize')} MB",
        "Timeout": f"{found.get('Timeout')} s",
        "Code": f"{found.get('CodeSize', 0)} bytes",
    }
    delete = OperationCall("lambda", "DeleteFunction", {"FunctionName": name})
    return FunctionView(
        name,
        found.get("State", ""),
        tuple((key, value) for key, value in settings.items() if value),
        tuple(sorted((found.get("Environment") or {}).get("Variables", {}).items())),
        read_group(visit, f"/aws/lambda/{name}", 100),
        (Button("Delete…", delete, f"Deleted {name}", "harm", confirm=f"The function {name} is deleted.", back=PATH),),
    )


@form("/functions/{name}/invoke", "function.html", "functions")
def invoke(visit: Visit, fields: dict[str, str]) -> FunctionView:
    """Invokes the function with the payload, and shows its result."""
    name, payload = visit.path["name"], fields.get("payload", "")
    visit.address = f"{PATH}/{name}"
    try:
        read_json(payload or "null")
    except ValueError as error:
        raise ValidationException(f"The payload is not JSON: {error}") from None
    try:
        found = visit.client.call("lambda", "Invoke", FunctionName=name, Payload=payload.encode())
    except AwsError as error:
        return replace(function(visit), sent=payload, failed=f"{error.code}: {error.message}")
    body = found.get("Payload", b"")
    text = body if isinstance(body, bytes) else body.read()
    failed = found.get("FunctionError", "")
    return replace(function(visit), sent=payload, answer=text.decode("utf-8", "replace")[:65536], failed=failed)

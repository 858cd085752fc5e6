"""Life-cycle scripts: of apps, and of notebook instances. `notebook_new_script` creates one."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from sagewright.model.errors import ResourceNotFound
from sagewright.studio import tables
from sagewright.studio.buttons import Button
from sagewright.studio.operations import OperationCall
from sagewright.studio.pages.prepare.notebook_lines import BACK
from sagewright.studio.pages.prepare.notebook_resources import ResourceView, tabs
from sagewright.studio.tables import EmptyState, Listing, Row, TableColumn
from sagewright.studio.visit import Visit, page

HOME, NEW, MOST = f"{BACK}/scripts", f"{BACK}/new/script", 100
NOUNS = {"apps": "StudioLifecycleConfig", "instances": "NotebookInstanceLifecycleConfig"}
RUNS = {
    "JupyterLab": "at the start of JupyterLab",
    "CodeEditor": "at the start of Code Editor",
    "JupyterServer": "at the start of JupyterServer",
    "KernelGateway": "at the start of a kernel",
    "OnStart": "at each start of a notebook instance",
    "OnCreate": "when a notebook instance is created",
}
KINDS = ("studio-lifecycle-config", "notebook-instance-lifecycle-config")
START = EmptyState(
    "No life-cycle script yet",
    'boto3.client("sagemaker").create_studio_lifecycle_config(StudioLifecycleConfigName="tools",\n'
    '    StudioLifecycleConfigAppType="JupyterLab", StudioLifecycleConfigContent=base64.b64encode(b"pip install altair").decode())',
)


@page("/notebooks/scripts", "list.html", "notebooks", KINDS)
def scripts(visit: Visit) -> Listing:
    """The newest of both kinds."""
    wanted = visit.query.get("q") or None
    found = []
    for kind, noun in NOUNS.items():
        listed = visit.client.sagemaker(f"List{noun}s", NameContains=wanted, MaxResults=MOST)[f"{noun}s"]
        found += [(one["CreationTime"], kind, one) for one in listed]
    found.sort(key=lambda one: one[0], reverse=True)
    columns = (TableColumn("Name"), TableColumn("Of"), TableColumn("Created", "time"))
    chips = (tables.Chip("Name contains", wanted, visit.link(q=None)),) if wanted else ()
    return Listing(
        "Life-cycle scripts",
        columns,
        tuple(_row(kind, one) for _, kind, one in found),
        START,
        crumb="Data and tools",
        views=tabs("scripts"),
        chips=chips,
        q=wanted or "",
        new=("New script…", NEW),
    )


def _row(kind: str, one: dict[str, Any]) -> Row:
    name = one[f"{NOUNS[kind]}Name"]
    of = one.get("StudioLifecycleConfigAppType", "notebook instances")
    return Row(name, (tables.name(name, f"{HOME}/{kind}/{name}"), tables.text(of), tables.time(one["CreationTime"])))


@page("/notebooks/scripts/{kind}/{name}", "notebookresource.html", "notebooks", KINDS)
def script(visit: Visit) -> ResourceView:
    noun, name = NOUNS.get(visit.path["kind"]), visit.path["name"]
    if noun is None:
        raise ResourceNotFound(f"There is no kind {visit.path['kind'][:50]!r} of life-cycle scripts.")
    asked = {f"{noun}Name": name}
    found = visit.client.sagemaker(f"Describe{noun}", **asked)
    texts = [(_heading(key), one["Content"]) for key in ("OnCreate", "OnStart") for one in found.get(key, ())]
    if "StudioLifecycleConfigContent" in found:
        texts = [(_heading(found["StudioLifecycleConfigAppType"]), found["StudioLifecycleConfigContent"])]
    delete = OperationCall("sagemaker", f"Delete{noun}", asked)
    return ResourceView(
        name,
        "life-cycle script",
        ("Life-cycle scripts", HOME),
        found[f"{noun}Arn"],
        found["CreationTime"],
        found["LastModifiedTime"],
        (Button("Delete…", delete, f"{name} is deleted", "harm", confirm=f"{name} is deleted.", back=HOME),),
        scripts=tuple((label, _text(content)) for label, content in texts),
    )


def _heading(runs: str) -> str:
    return RUNS[runs][0].upper() + RUNS[runs][1:]


def _text(content: str) -> str:
    try:
        return base64.b64decode(content).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return content

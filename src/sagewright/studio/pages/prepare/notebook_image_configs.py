"""Image configurations: the kernel and the user with which an app runs an image."""

from __future__ import annotations

from typing import Any

from sagewright.model.errors import AwsError
from sagewright.studio import tables
from sagewright.studio.buttons import Button
from sagewright.studio.operations import OperationCall
from sagewright.studio.pages.prepare.notebook_lines import BACK
from sagewright.studio.pages.prepare.notebook_resources import NewField, NewResourceView, ResourceView, flat, tabs
from sagewright.studio.tables import EmptyState, Listing, ListSource, Row, TableColumn
from sagewright.studio.visit import Done, Visit, form, page

HOME, NEW = f"{BACK}/image-configs", f"{BACK}/new/image-config"
SOURCE = ListSource(
    "ListAppImageConfigs", "AppImageConfigs", {"made": "CreationTime", "name": "Name"}, "-made"
)  # fmt: skip
APPS = {
    "JupyterLabAppImageConfig": "JupyterLab",
    "KernelGatewayImageConfig": "a kernel",
    "CodeEditorAppImageConfig": "Code Editor",
}
START = EmptyState(
    "No configuration of an image yet",
    'boto3.client("sagemaker").create_app_image_config(AppImageConfigName="lab", JupyterLabAppImageConfig={})',
)
FORM = NewResourceView(
    "New image configuration",
    ("Image configurations", HOME),
    NEW,
    (
        NewField("name", "Name"),
        NewField("app", "For", "JupyterLabAppImageConfig", tuple(APPS.items())),
        NewField("kernel", "Kernel", required=False, hint="Of a kernel: the name of its kernelspec, such as python3."),
    ),
)


@page("/notebooks/image-configs", "list.html", "notebooks", ("app-image-config",))
def image_configs(visit: Visit) -> Listing:
    found = tables.read(visit, SOURCE)
    rows = tuple(
        Row(
            one["AppImageConfigName"],
            (
                tables.name(one["AppImageConfigName"], f"{HOME}/{one['AppImageConfigName']}"),
                tables.text(", ".join(label for key, label in APPS.items() if key in one)),
                tables.time(one["CreationTime"]),
            ),
        )
        for one in found.rows
    )
    delete = OperationCall("sagemaker", "DeleteAppImageConfig", {})
    return Listing(
        "Image configurations",
        (
            TableColumn("Name", sort="name"),
            TableColumn("For"),
            TableColumn("Made", "time", "made"),
        ),
        rows,
        START,
        crumb="Data and tools",
        views=tabs("configs"),
        chips=found.chips,
        more=found.more,
        acts=(Button("Delete", delete, "Deleted {n}", "harm", each="AppImageConfigName", back=HOME),),
        q=visit.query.get("q", ""),
        sorted_by=found.sorted_by,
        new=("New configuration…", NEW),
    )


@page("/notebooks/image-configs/{name}", "notebookresource.html", "notebooks", ("app-image-config",))
def image_config(visit: Visit) -> ResourceView:
    asked = {"AppImageConfigName": visit.path["name"]}
    found = visit.client.sagemaker("DescribeAppImageConfig", **asked)
    delete = OperationCall("sagemaker", "DeleteAppImageConfig", asked)
    name, chosen = found["AppImageConfigName"], {key: found[key] for key in APPS if key in found}
    return ResourceView(
        name,
        "image configuration",
        ("Image configurations", HOME),
        found["AppImageConfigArn"],
        found["CreationTime"],
        found["LastModifiedTime"],
        (Button("Delete…", delete, f"{name} is deleted", "harm", confirm=f"{name} is deleted.", back=HOME),),
        facts=(("For", ", ".join(APPS[key] for key in chosen)),) if chosen else (),
        settings=tuple(flat(chosen)),
    )


@page("/notebooks/new/image-config", "notebooknew.html", "notebooks")
def new_image_config(_visit: Visit) -> NewResourceView:
    return FORM


@form("/notebooks/new/image-config", "notebooknew.html", "notebooks")
def create_image_config(visit: Visit, fields: dict[str, str]) -> Done | NewResourceView:
    """Creates a configuration for one type of app."""
    name, app, kernel = (fields.get(key, "").strip() for key in ("name", "app", "kernel"))
    chosen: dict[str, Any] = {"KernelSpecs": [{"Name": kernel}]} if app == "KernelGatewayImageConfig" else {}
    if app not in APPS:
        return FORM.given(fields, f"The type of app is one of {', '.join(APPS)}; it is {app[:50]!r}.")
    try:
        visit.client.sagemaker("CreateAppImageConfig", AppImageConfigName=name, **{app: chosen})
    except AwsError as error:
        return FORM.given(fields, error.message)
    return Done(f"Created {name}", f"{HOME}/{name}")

"""Image configurations: the kernel and the user with which an app runs an image. `notebook_new_image_config` creates one."""

from __future__ import annotations

from sagewright.studio import tables
from sagewright.studio.buttons import Button
from sagewright.studio.operations import OperationCall
from sagewright.studio.pages.prepare.notebook_lines import BACK
from sagewright.studio.pages.prepare.notebook_resources import ResourceView, flat, tabs
from sagewright.studio.tables import EmptyState, Listing, ListSource, Row, TableColumn
from sagewright.studio.visit import Visit, page

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
    "No image configuration yet",
    'boto3.client("sagemaker").create_app_image_config(AppImageConfigName="lab", JupyterLabAppImageConfig={})',
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
            TableColumn("Created", "time", "made"),
        ),
        rows,
        START,
        crumb="Data and tools",
        views=tabs("configs"),
        chips=found.chips,
        **found.position,
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

"""The list of images that apps run; `notebook_image` shows one with its versions."""

from __future__ import annotations

from sagewright.studio import tables
from sagewright.studio.buttons import Button, Field
from sagewright.studio.operations import OperationCall
from sagewright.studio.pages.prepare.notebook_lines import BACK
from sagewright.studio.pages.prepare.notebook_resources import role, tabs
from sagewright.studio.tables import EmptyState, Listing, ListSource, Row, TableColumn
from sagewright.studio.visit import Visit, page

HOME = f"{BACK}/images"
START = EmptyState(
    "No image yet",
    'sagemaker = boto3.client("sagemaker")\n'
    'sagemaker.create_image(ImageName="lab", RoleArn=role)\n'
    'sagemaker.create_image_version(ImageName="lab", BaseImage="…/sagemaker-scikit-learn:1.2-1-cpu-py3", ClientToken="1")',
)


@page("/notebooks/images", "list.html", "notebooks", ("image", "image-version"))
def images(visit: Visit) -> Listing:
    found = tables.read(visit, ListSource("ListImages", "Images"))
    rows = tuple(
        Row(
            one["ImageName"],
            (
                tables.name(one["ImageName"], f"{HOME}/{one['ImageName']}"),
                tables.status(one["ImageStatus"]),
                tables.text(one.get("Description", "")),
                tables.time(one["CreationTime"]),
            ),
        )
        for one in found.rows
    )
    create = OperationCall("sagemaker", "CreateImage", {"RoleArn": role(visit)})
    fields = (Field("ImageName", "Name"), Field("DisplayName", "Display name"), Field("Description", "Description"))
    delete = OperationCall("sagemaker", "DeleteImage", {})
    return Listing(
        "Images",
        (
            TableColumn("Name"),
            TableColumn("Status", "status"),
            TableColumn("Description", rank=2),
            TableColumn("Created", "time"),
        ),
        rows,
        START,
        crumb="Data and tools",
        views=tabs("images"),
        chips=found.chips,
        **found.position,
        acts=(Button("Delete", delete, "Deleted {n}", "harm", each="ImageName", back=HOME),),
        heads=(Button("New image…", create, "The image was created", "main", "plus", fields, key="c", back=HOME),),
        q=visit.query.get("q", ""),
    )

"""Images of apps, and their versions."""

from __future__ import annotations

from typing import Any

from sagewright.model.errors import AwsError
from sagewright.studio import tables
from sagewright.studio.buttons import Button, Field
from sagewright.studio.operations import OperationCall
from sagewright.studio.pages.prepare.notebook_lines import BACK
from sagewright.studio.pages.prepare.notebook_resources import ResourceLine, ResourceView, role, tabs
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
    fields = (Field("ImageName", "Name"), Field("DisplayName", "Name that is shown"), Field("Description", "About it"))
    delete = OperationCall("sagemaker", "DeleteImage", {})
    return Listing(
        "Images",
        (
            TableColumn("Name"),
            TableColumn("Status", "status"),
            TableColumn("About it", rank=2),
            TableColumn("Made", "time"),
        ),
        rows,
        START,
        crumb="Data and tools",
        views=tabs("images"),
        chips=found.chips,
        more=found.more,
        acts=(Button("Delete", delete, "Deleted {n}", "harm", each="ImageName", back=HOME),),
        heads=(Button("New image…", create, "The image is made", "main", "plus", fields, key="c", back=HOME),),
        q=visit.query.get("q", ""),
    )


@page("/notebooks/images/{name}", "notebookresource.html", "notebooks", ("image", "image-version"))
def image(visit: Visit) -> ResourceView:
    asked, here = {"ImageName": visit.path["name"]}, f"{HOME}/{visit.path['name']}"
    found = visit.client.sagemaker("DescribeImage", **asked)
    versions = visit.client.sagemaker("ListImageVersions", **asked, MaxResults=100)["ImageVersions"]
    add = Button(
        "New version…",
        OperationCall("sagemaker", "CreateImageVersion", asked),
        "The version is made",
        "main",
        "plus",
        (Field("BaseImage", "URI of the image: one of AWS's frameworks, or your own"),),
        back=here,
    )
    delete = Button(
        "Delete…",
        OperationCall("sagemaker", "DeleteImage", asked),
        f"{found['ImageName']} is deleted",
        "harm",
        confirm=f"The image {found['ImageName']} is deleted.",
        off="its versions have to be deleted first" if versions else "",
        back=HOME,
    )
    return ResourceView(
        found["ImageName"],
        "image",
        ("Images", HOME),
        found["ImageArn"],
        found["CreationTime"],
        found["LastModifiedTime"],
        (add, delete),
        found["ImageStatus"],
        found.get("FailureReason", ""),
        (("Shown as", found["DisplayName"]),) if "DisplayName" in found else (),
        tuple((key, found[key]) for key in ("Description", "RoleArn") if key in found),
        parts=("Versions", tuple(_version(visit, asked, here, one) for one in versions)),
    )


def _version(visit: Visit, asked: dict[str, str], here: str, one: dict[str, Any]) -> ResourceLine:
    number = one["Version"]
    try:
        base = visit.client.aside("sagemaker", "DescribeImageVersion", **asked, Version=number).get("BaseImage", "")
    except AwsError:  # it was deleted meanwhile
        base = ""
    delete = Button(
        "Delete",
        OperationCall("sagemaker", "DeleteImageVersion", {**asked, "Version": number}),
        f"Deleting version {number}",
        "ghost",
        back=here,
    )
    about = one.get("FailureReason") or base
    return ResourceLine(f"Version {number}", one["ImageVersionStatus"], about, one["CreationTime"], (delete,))

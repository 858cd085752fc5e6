"""One image of apps, with its versions."""

from __future__ import annotations

from typing import Any

from sagewright.model.errors import AwsError
from sagewright.studio.buttons import Button, Field
from sagewright.studio.operations import OperationCall
from sagewright.studio.pages.prepare.notebook_images import HOME
from sagewright.studio.pages.prepare.notebook_resources import ResourceLine, ResourceView
from sagewright.studio.visit import Visit, page


@page("/notebooks/images/{name}", "notebookresource.html", "notebooks", ("image", "image-version"))
def image(visit: Visit) -> ResourceView:
    asked, here = {"ImageName": visit.path["name"]}, f"{HOME}/{visit.path['name']}"
    found = visit.client.sagemaker("DescribeImage", **asked)
    versions = visit.client.sagemaker("ListImageVersions", **asked, MaxResults=100)["ImageVersions"]
    add = Button(
        "New version…",
        OperationCall("sagemaker", "CreateImageVersion", asked),
        "The version was created",
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

"""The form for a new image configuration."""

from __future__ import annotations

from typing import Any

from sagewright.model.errors import AwsError
from sagewright.studio.pages.prepare.notebook_image_configs import APPS, HOME, NEW
from sagewright.studio.pages.prepare.notebook_resources import NewField, NewResourceView
from sagewright.studio.visit import Done, Visit, form, page

FORM = NewResourceView(
    "New image configuration",
    ("Image configurations", HOME),
    NEW,
    (
        NewField("name", "Name"),
        NewField("app", "For", "JupyterLabAppImageConfig", tuple(APPS.items())),
        NewField("kernel", "Kernel", required=False, hint="For a kernel: the name of its kernelspec, such as python3."),
    ),
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
        return FORM.given(fields, f"The type of app must be one of {', '.join(APPS)}; it is {app[:50]!r}.")
    try:
        visit.client.sagemaker("CreateAppImageConfig", AppImageConfigName=name, **{app: chosen})
    except AwsError as error:
        return FORM.given(fields, error.message)
    return Done(f"Created {name}", f"{HOME}/{name}")

"""Kernels of an app's launch."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from sagewright.kinds.app import AppRequest
from sagewright.model.settings import Settings
from sagewright.services.context import Context, Platform, Principal
from sagewright.services.sagemaker.studio.app_image_configs import create_app_image_config
from sagewright.services.sagemaker.studio.app_launches import MOST_KERNELS, OWN_KERNELS, app_launch
from sagewright.services.sagemaker.studio.effective_settings import AppOwner, EffectiveSettings
from sagewright.services.sagemaker.studio.image_versions import create_image_version
from sagewright.services.sagemaker.studio.images import create_image
from sagewright.store.database import Database
from sagewright.store.resources.resources import Resource

ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
BASE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.8.0-cpu-py312"


def test_the_log_names_kernels_that_are_left_out(database: Database, tmp_path: Path) -> None:
    nothing = cast("Any", None)
    context = Context(
        "",
        "000000000000",
        "us-east-1",
        Principal(ROLE, "id"),
        Platform(Settings(data=tmp_path), database, nothing, nothing),
    )
    create_app_image_config(context, {"AppImageConfigName": "config"})
    names = [f"image-{number}" for number in range(MOST_KERNELS + 2)]
    for name in names:
        create_image(context, {"ImageName": name, "RoleArn": ROLE})
        create_image_version(context, {"ImageName": name, "BaseImage": BASE, "ClientToken": name})
    space = Resource("id", "space", "000000000000", "us-east-1", "d-1/s", 0, "", "InService", 0, 0, {"SpaceName": "s"})
    domain = Resource("id", "domain", "000000000000", "us-east-1", "d-1", 0, "", "InService", 0, 0, {})
    custom = {"CustomImages": [{"ImageName": name, "AppImageConfigName": "config"} for name in names]}
    settings = EffectiveSettings(ROLE, custom, {}, {}, 0)
    app = {"AppType": "JupyterLab", "AppName": "default"}
    launch = AppRequest.read(app_launch(context, AppOwner(domain, None, space), app, "arn", settings))
    assert [one["title"] for one in launch.kernels[len(OWN_KERNELS) :]] == names[:MOST_KERNELS]
    assert launch.setup["notes"] == [
        f"The kernel {name!r} is left out: an app has at most {MOST_KERNELS} kernels of images." for name in names[-2:]
    ]

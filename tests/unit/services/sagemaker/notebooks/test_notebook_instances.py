"""Life-cycle scripts of notebook instances over their starts."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from sagewright.engine.apps.app_documents import AppDocument
from sagewright.kinds.app import NOTEBOOK, AppRequest
from sagewright.model.settings import Settings
from sagewright.services.context import Context, Platform, Principal
from sagewright.services.sagemaker.notebooks.notebook_instances import (
    INSTANCES,
    create_notebook_instance,
    start_notebook_instance,
)
from sagewright.services.sagemaker.notebooks.notebook_lifecycle_configs import (
    create_notebook_instance_lifecycle_config,
)
from sagewright.store.database import Database
from sagewright.store.resources import resources

ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
SCRIPT = [{"Content": base64.b64encode(b"echo").decode()}]


class StubEngine:
    def wake(self, kind: str, subject: str) -> None:
        assert (kind, bool(subject)) == (NOTEBOOK, True)


def test_oncreate_runs_until_the_instance_has_answered_once(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'store.sqlite'}")
    nothing = cast("Any", None)
    platform = Platform(Settings(data=tmp_path), database, nothing, cast("Any", StubEngine()))
    context = Context("", "000000000000", "us-east-1", Principal(ROLE, "id"), platform)
    named = {"NotebookInstanceLifecycleConfigName": "hooks", "OnCreate": SCRIPT, "OnStart": SCRIPT}
    create_notebook_instance_lifecycle_config(context, named)
    asked = {"NotebookInstanceName": "mine"}
    create_notebook_instance(
        context, asked | {"InstanceType": "ml.t3.medium", "RoleArn": ROLE, "LifecycleConfigName": "hooks"}
    )

    def hooks() -> list[str]:
        launch = AppRequest.read(AppDocument.read(INSTANCES.require(context, "mine").document).launch | {"Subject": []})
        return [one["hook"] for one in launch.setup["scripts"]]

    def ended(status: str, **members: Any) -> None:
        found = INSTANCES.require(context, "mine")
        resources.alter(database, found.id, lambda one: replace(one, status=status, document=one.document | members))

    assert hooks() == ["OnCreate", "OnStart"]
    ended("Failed")
    start_notebook_instance(context, asked)
    assert hooks() == ["OnCreate", "OnStart"]
    for status, activity_ms in (("Stopped", 7), ("Failed", 0)):
        ended(status, ActivityMs=activity_ms)
        start_notebook_instance(context, asked)
        assert hooks() == ["OnStart"]
    database.close()

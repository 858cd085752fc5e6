"""Life-cycle configurations of notebook instances: Create, Describe, List, Update and Delete.

Source: AWS's API reference, CreateNotebookInstanceLifecycleConfig. `OnCreate` runs at each start of an instance until one succeeds,
`OnStart` after it and at each later start.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sagewright.kinds.app import NOTEBOOK
from sagewright.model.errors import AwsError, ValidationException
from sagewright.services.context import Context
from sagewright.services.paging import ListSpec
from sagewright.services.registry import operation
from sagewright.services.sagemaker.notebooks.instance_launches import INSTANCE_LOGS
from sagewright.services.sagemaker.resources.resources import ResourceType
from sagewright.services.sagemaker.studio.lifecycle_contents import check_script
from sagewright.services.sagemaker.studio.lists import FILTERS, SORTS
from sagewright.store.resources import resources

HOOKS = ("OnCreate", "OnStart")
MEMBER = "LifecycleConfigName"
_WHAT = "Notebook Instance Lifecycle Config"

CONFIGS = ResourceType(
    kind="notebook-instance-lifecycle-config",
    noun="NotebookInstanceLifecycleConfig",
    arn_type="notebook-instance-lifecycle-config",
    missing=lambda arn: _refusal("describe", arn, "does not exist"),
    taken=lambda arn: _refusal("create", arn, "already exists"),
    listed=ListSpec("NotebookInstanceLifecycleConfigs", SORTS, descending=True, filters=FILTERS),
    tells_modified=True,
).declared()


@operation("sagemaker", "CreateNotebookInstanceLifecycleConfig")
def create_notebook_instance_lifecycle_config(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    _check(request)
    return CONFIGS.create(context, request)


@operation("sagemaker", "DescribeNotebookInstanceLifecycleConfig", quick=True)
def describe_notebook_instance_lifecycle_config(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return CONFIGS.describe(context, request)


@operation("sagemaker", "ListNotebookInstanceLifecycleConfigs")
def list_notebook_instance_lifecycle_configs(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    return CONFIGS.list(context, request)


@operation("sagemaker", "UpdateNotebookInstanceLifecycleConfig")
def update_notebook_instance_lifecycle_config(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    _check(request)
    changed = {name: request[name] for name in HOOKS if name in request}
    name = request["NotebookInstanceLifecycleConfigName"]
    CONFIGS.alter(context, name, lambda one: replace(one, document=one.document | changed))
    return {}


@operation("sagemaker", "DeleteNotebookInstanceLifecycleConfig")
def delete_notebook_instance_lifecycle_config(context: Context, request: dict[str, Any]) -> dict[str, Any]:
    name = request["NotebookInstanceLifecycleConfigName"]
    arn = CONFIGS.arn(context, name)
    if CONFIGS.find(context, name) is None:
        raise _refusal("delete", arn, "does not exist")
    for one in resources.of_kind(context.store, NOTEBOOK):
        same = (one.account, one.region) == (context.account, context.region)
        if same and one.document.get(MEMBER) == name:
            raise _refusal("delete", arn, f"is in use by Notebook Instance {one.name}")
    return CONFIGS.delete(context, request)


def hooks_of(context: Context, instance: str, name: str | None, *, first: bool) -> list[dict[str, str]]:
    """Returns the scripts of one start of an instance, with their log streams. Raises ValidationException."""
    if not name:
        return []
    document = CONFIGS.require(context, name).document
    return [
        {
            "name": name,
            "hook": hook,
            "content": one["Content"],
            "group": INSTANCE_LOGS,
            "stream": f"{instance}/LifecycleConfig{hook}",
        }
        for hook in HOOKS[0 if first else 1 :]
        for one in document.get(hook) or ()
        if "Content" in one
    ]


def _check(request: dict[str, Any]) -> None:
    """Raises ValidationException."""
    for hook in HOOKS:
        for one in request.get(hook) or ():
            check_script(one.get("Content", ""), f"{hook}.Content")


def _refusal(verb: str, arn: str, detail: str) -> AwsError:
    return ValidationException(f"Unable to {verb} {_WHAT} '{arn}'. (Details: {_WHAT} {detail}.)")

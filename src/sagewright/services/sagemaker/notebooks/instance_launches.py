"""Launches of notebook instances: the request of the job that each start of one gets."""

from __future__ import annotations

from typing import Any

from sagewright.kinds.app import NOTEBOOK, SETUP_MODULE, AppRequest
from sagewright.model.aws.arns import sagemaker_arn
from sagewright.model.errors import ValidationException
from sagewright.services.context import Context
from sagewright.services.sagemaker.studio.app_launches import (
    JUPYTER,
    OWN_KERNELS,
    launched_type,
)
from sagewright.store.jobs.jobs import ResourceScope
from sagewright.store.resources import resources

INSTANCE_HOME, INSTANCE_LOGS = "/home/ec2-user/SageMaker", "/aws/sagemaker/NotebookInstances"
NO_EFFECT = ("KmsKeyId", "SubnetId", "SecurityGroupIds", "IpAddressType")
"""Members of an instance that are kept and returned, and do nothing here."""


def instance_launch(
    context: Context, name: str, document: dict[str, Any], hooks: list[dict[str, str]]
) -> dict[str, Any]:
    """Returns the request of a notebook instance's job, without the members that each start adds. `hooks`: its life-cycle
    scripts."""
    arn = sagemaker_arn(context.region, context.account, NOTEBOOK, name)
    repositories = _repositories(context, document)
    request = AppRequest(
        name=name,
        title=name,
        subject=[],
        role=document["RoleArn"],
        instance_type=launched_type(document["InstanceType"]),
        image=JUPYTER,
        module=[*SETUP_MODULE, "jupyter"],
        home="",
        home_path=INSTANCE_HOME,
        metadata={"ResourceArn": arn, "ResourceName": name},
        setup={
            "persistent_home": False,
            "repositories": repositories,
            "scripts": hooks,
            "notes": _notes(document, repositories),
        },
        kernels=list(OWN_KERNELS),
        log_group=INSTANCE_LOGS,
        log_stream=f"{name}/jupyter.log",
    )
    return request.write({})


def _notes(document: dict[str, Any], repositories: list[dict[str, str]]) -> list[str]:
    """Returns lines of the instance's log about members that have no effect here."""
    notes = [f"{member} has no effect here." for member in NO_EFFECT if document.get(member)]
    if document.get("DirectInternetAccess") == "Disabled":
        notes.append("DirectInternetAccess Disabled has no effect here: the instance has this machine's network.")
    notes += [
        f"The secret {one['secret']} of {one['url']} is not used: there is no Secrets Manager; the repository is cloned without it."
        for one in repositories
        if one["secret"]
    ]
    return notes


def _repositories(context: Context, document: dict[str, Any]) -> list[dict[str, str]]:
    """Returns the repositories of a notebook instance, each a URL or the name of a CodeRepository. Raises ValidationException."""
    named = [document.get("DefaultCodeRepository"), *(document.get("AdditionalCodeRepositories") or ())]
    return [_repository(context, one) for one in named if one]


def _repository(context: Context, named: str) -> dict[str, str]:
    if named.startswith("https://"):
        return {"url": named, "branch": "", "secret": ""}
    found = resources.find(context.store, ResourceScope("code-repository", context.account, context.region), named)
    if found is None:
        raise ValidationException(f"The code repository {named} does not exist.")
    config = found.document["GitConfig"]
    return {"url": config["RepositoryUrl"], "branch": config.get("Branch", ""), "secret": config.get("SecretArn", "")}

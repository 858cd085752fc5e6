"""Settings of an app: a profile's replace its domain's, a space's replace both."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from sagewright.model.settings import Settings
from sagewright.services.context import Context, Platform, Principal
from sagewright.services.sagemaker.studio.effective_settings import AppOwner, effective_settings
from sagewright.store.resources.resources import Resource

Document = dict[str, Any]


def row(kind: str, document: Document) -> Resource:
    return Resource("id", kind, "000000000000", "us-east-1", "n", 0, "", "InService", 0, 0, document)


def owner(
    domain: Document, profile: Document | None = None, space: Document | None = None, shared: Document | None = None
) -> AppOwner:
    return AppOwner(
        row("domain", {"DefaultUserSettings": domain, "DefaultSpaceSettings": shared or {}}),
        None if profile is None else row("user-profile", {"UserSettings": profile}),
        None if space is None else row("space", {"SpaceSettings": space}),
    )


def context(idle_minutes: float = 0) -> Context:
    nothing = cast("Any", None)
    platform = Platform(Settings(data=Path("/none"), idle_minutes=idle_minutes), nothing, nothing, nothing)
    return Context("", "000000000000", "us-east-1", Principal("", ""), platform)


def lab(**members: Any) -> Document:
    return {"JupyterLabAppSettings": members}


def idle(**members: Any) -> Document:
    return lab(AppLifecycleManagement={"IdleSettings": members})


def test_the_most_special_settings_are_in_effect() -> None:
    own = owner(
        {
            "ExecutionRole": "of-domain",
            **lab(DefaultResourceSpec={"InstanceType": "ml.t3.medium", "LifecycleConfigArn": "a"}),
        },
        {"ExecutionRole": "of-profile", **lab(CustomImages=["i"])},
        lab(DefaultResourceSpec={"InstanceType": "ml.m5.large"}),
    )
    found = effective_settings(context(), own, "JupyterLab", None)
    assert found.role == "of-profile"
    assert found.spec == {"InstanceType": "ml.m5.large", "LifecycleConfigArn": "a"}
    assert found.app["CustomImages"] == ["i"]
    asked = effective_settings(context(), own, "JupyterLab", {"InstanceType": "ml.c5.large"})
    assert asked.spec["InstanceType"] == "ml.c5.large"


def test_a_shared_space_has_no_profile_s_settings() -> None:
    own = owner({"ExecutionRole": "of-users"}, None, {}, {"ExecutionRole": "of-spaces"})
    assert effective_settings(context(), own, "JupyterLab", None).role == "of-spaces"
    default = effective_settings(context(), owner({}, None, {}), "JupyterLab", None)
    assert default.role == "arn:aws:iam::000000000000:role/SageMakerExecutionRole"


@pytest.mark.parametrize(
    ("domain", "profile", "space", "server", "minutes"),
    [
        ({}, {}, {}, 0, 0),
        ({}, {}, {}, 45, 45),
        (idle(LifecycleManagement="ENABLED", IdleTimeoutInMinutes=120), {}, {}, 45, 120),
        (idle(LifecycleManagement="DISABLED"), {}, {}, 45, 0),
        (idle(LifecycleManagement="DISABLED"), idle(LifecycleManagement="ENABLED", IdleTimeoutInMinutes=60), {}, 0, 60),
        (idle(LifecycleManagement="ENABLED", IdleTimeoutInMinutes=120), {}, idle(IdleTimeoutInMinutes=90), 0, 90),
        (idle(IdleTimeoutInMinutes=120, MaxIdleTimeoutInMinutes=180), {}, idle(IdleTimeoutInMinutes=600), 0, 180),
        (idle(IdleTimeoutInMinutes=120, MinIdleTimeoutInMinutes=100), {}, idle(IdleTimeoutInMinutes=60), 0, 100),
    ],
)
def test_idle_times(domain: Document, profile: Document, space: Document, server: float, minutes: float) -> None:
    found = effective_settings(context(server), owner(domain, profile, space), "JupyterLab", None)
    assert found.idle_s == minutes * 60

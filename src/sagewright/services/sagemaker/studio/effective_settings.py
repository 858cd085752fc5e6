"""Effective settings of an app: those of its domain, overridden by its user profile's, overridden by its space's.

Source: AWS's API reference, UserSettings, DefaultSpaceSettings and SpaceSettings; AWS's developer guide, "Idle shutdown".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sagewright.model.aws.arns import ROLE_NAME, role_arn
from sagewright.services.context import Context
from sagewright.store.resources.resources import Resource

SETTINGS_OF = {
    "JupyterLab": "JupyterLabAppSettings",
    "JupyterServer": "JupyterServerAppSettings",
    "CodeEditor": "CodeEditorAppSettings",
    "Canvas": "CanvasAppSettings",
}
"""The member with the settings of each type of app that runs here."""
SPACE_TYPES = ("JupyterLab", "CodeEditor", "JupyterServer", "KernelGateway")
KERNELS = "KernelGatewayAppSettings"
ENABLED, DISABLED = "ENABLED", "DISABLED"
Document = dict[str, Any]


@dataclass(frozen=True)
class AppOwner:
    """The owner of an app: its domain, its user profile (None for a shared space), and its space, if it has one."""

    domain: Resource
    profile: Resource | None
    space: Resource | None

    @property
    def home(self) -> Resource:
        """Returns the owner of the home."""
        found = self.space or self.profile
        assert found is not None
        return found

    def levels(self) -> list[Document]:
        """Returns the settings of each level, the most general first."""
        shared = self.profile is None
        levels = [self.domain.document.get("DefaultUserSettings") or {}]
        if shared:
            levels.append(self.domain.document.get("DefaultSpaceSettings") or {})
        elif self.profile is not None:
            levels.append(self.profile.document.get("UserSettings") or {})
        if self.space is not None:
            levels.append(self.space.document.get("SpaceSettings") or {})
        return levels


@dataclass(frozen=True)
class EffectiveSettings:
    """`app`: the settings of the app's type; `kernels`: those of its further kernels; `spec`: its ResourceSpec; `idle_s`: seconds
    without activity after which it is shut down, 0 for never."""

    role: str
    app: Document
    kernels: Document
    spec: Document
    idle_s: float


def effective_settings(context: Context, owner: AppOwner, app_type: str, spec: Document | None) -> EffectiveSettings:
    """Returns the settings of an app whose request has the ResourceSpec `spec`."""
    levels = owner.levels()
    merged = _merged([level.get(SETTINGS_OF[app_type]) or {} for level in levels])
    roles = [level["ExecutionRole"] for level in levels if level.get("ExecutionRole")]
    return EffectiveSettings(
        role=roles[-1] if roles else role_arn(context.account, ROLE_NAME),
        app=merged,
        kernels=_merged([level.get(KERNELS) or {} for level in levels]),
        spec=(merged.get("DefaultResourceSpec") or {}) | (spec or {}),
        idle_s=_idle_s(context, merged),
    )


def _merged(levels: list[Document]) -> Document:
    """Returns one document: members of later levels replace those of earlier ones, except that structures are merged."""
    merged: Document = {}
    for level in levels:
        for name, value in level.items():
            before = merged.get(name)
            if isinstance(before, dict) and isinstance(value, dict):
                merged[name] = _merged([before, value])
            else:
                merged[name] = value
    return merged


def _idle_s(context: Context, settings: Document) -> float:
    """Returns the idle time of the settings, within the domain's or profile's bounds; without any, the server's."""
    idle = (settings.get("AppLifecycleManagement") or {}).get("IdleSettings") or {}
    if idle.get("LifecycleManagement") == DISABLED:
        return 0.0
    minutes = idle.get("IdleTimeoutInMinutes")
    if minutes is None:
        return context.settings.idle_minutes * 60
    least = idle.get("MinIdleTimeoutInMinutes", 0)
    most = idle.get("MaxIdleTimeoutInMinutes", minutes)
    return float(max(least, min(minutes, most))) * 60

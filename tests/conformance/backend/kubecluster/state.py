"""The resources of the stand-in cluster."""

from __future__ import annotations

import copy
import threading
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Resource = dict[str, Any]


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class State:
    """By kind and name. Whoever reads or writes them holds `changed`."""

    resources: dict[tuple[str, str], Resource] = field(default_factory=dict)
    changed: threading.Condition = field(default_factory=threading.Condition)
    images: set[str] = field(default_factory=set)
    deadlines: dict[str, float] = field(default_factory=dict)
    """By uid of a pod that is being deleted: when it is killed."""
    created: list[tuple[str, str]] = field(default_factory=list)
    version: int = 0

    def all(self, kind: str) -> list[Resource]:
        return [one for (its, _name), one in self.resources.items() if its == kind]

    def add(self, resource: Resource) -> Resource:
        """Raises KeyError if there is one of that name."""
        key = (resource["kind"], resource["metadata"]["name"])
        if key in self.resources:
            raise KeyError(key)
        added = copy.deepcopy(resource)
        added["metadata"] |= {"uid": str(uuid.uuid4()), "creationTimestamp": now(), "namespace": "sagewright"}
        added.setdefault("status", {})
        self.resources[key] = added
        self.created.append(key)
        self.touch()
        return added

    def touch(self) -> None:
        self.version += 1
        self.changed.notify_all()

    def remove(self, resource: Resource) -> None:
        self.resources.pop((resource["kind"], resource["metadata"]["name"]), None)
        self.touch()

    def delete(self, resource: Resource, grace_s: int | None = None) -> None:
        """As the API server does: a pod stays until its kubelet, and the controller of its Job, have let it go."""
        if resource["kind"] != "Pod":
            self.remove(resource)
            return
        meta, spec = resource["metadata"], resource["spec"]
        grace_s = spec.get("terminationGracePeriodSeconds", 30) if grace_s is None else grace_s
        if not spec.get("nodeName") or resource["status"].get("phase") in {"Succeeded", "Failed"}:
            grace_s = 0
        if grace_s < meta.get("deletionGracePeriodSeconds", grace_s + 1):
            meta.setdefault("deletionTimestamp", now())
            meta["deletionGracePeriodSeconds"] = grace_s
            self.deadlines[meta["uid"]] = time.monotonic() + grace_s
        self.touch()


def set_condition(resource: Resource, kind: str, status: str, reason: str = "", message: str = "") -> None:
    listed = resource["status"].setdefault("conditions", [])
    listed[:] = [one for one in listed if one["type"] != kind]
    listed.append({"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": now()})


def owner(resource: Resource) -> str:
    """The uid of what owns a resource; "" if nothing does."""
    return next((one["uid"] for one in resource["metadata"].get("ownerReferences", [])), "")

"""Notebooks: spaces and notebook instances, their use of the machine, and the settings of idle shutdown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sagewright.model.errors import ValidationException
from sagewright.studio.pages.prepare.notebook_jobs import JobLine, latest_jobs
from sagewright.studio.pages.prepare.notebook_lines import (
    APP_TYPES,
    BACK,
    LIVE,
    NotebookLine,
    instances_of,
    profiles_of,
    spaces_of,
)
from sagewright.studio.pages.prepare.notebook_resources import tabs
from sagewright.studio.tables import ListTab
from sagewright.studio.visit import Done, Visit, form, page

KINDS = ("space", "app", "notebook-instance", "training", "domain", "user-profile")
MOST = 100
IDLE = (("60", "60 min"), ("120", "2 h"), ("240", "4 h"), ("480", "8 h"), ("1440", "24 h"), ("never", "never"))
SETTINGS = "JupyterLabAppSettings"


@dataclass(frozen=True)
class NotebooksView:
    """`idle`: the domain's idle timeout in minutes, "never", or "" for the server's own."""

    lines: tuple[NotebookLine, ...]
    jobs: tuple[JobLine, ...]
    jobs_total: str
    domain: str
    idle: str
    memory: int
    promised: int
    cpus: float
    homes: int
    profiles: tuple[str, ...]
    views: tuple[ListTab, ...]
    choices: tuple[tuple[str, str], ...] = IDLE

    @property
    def running(self) -> int:
        return sum(one.status in LIVE for one in self.lines)

    def csv(self) -> tuple[list[str], list[list[Any]]]:
        head = ["Name", "Owner", "State", "Memory", "Memory promised", "CPUs", "Kernels", "Busy kernels", "Home"]
        uses = [(one, one.use) for one in self.lines]
        return head, [
            [
                one.name,
                one.owner,
                one.status,
                use.memory,
                use.memory_limit,
                round(use.cpus, 2),
                use.kernels,
                use.busy,
                use.home,
            ]
            for one, use in uses
        ]


@page("/notebooks", "notebooks.html", "notebooks", KINDS)
def notebooks(visit: Visit) -> NotebooksView:
    client = visit.client
    domain = _own_domain(visit)
    spaces = client.sagemaker("ListSpaces", MaxResults=MOST)["Spaces"]
    apps = client.sagemaker("ListApps", SortOrder="Descending", MaxResults=MOST)["Apps"]
    instances = client.sagemaker("ListNotebookInstances", MaxResults=MOST)["NotebookInstances"]
    profiles = client.aside("sagemaker", "ListUserProfiles", DomainIdEquals=domain, MaxResults=MOST)["UserProfiles"]
    uses = client.readings.notebooks()
    lines = [
        *spaces_of(visit, spaces, apps, uses),
        *profiles_of(visit, apps, uses),
        *instances_of(visit, instances, uses),
    ]
    live = [one.use for one in lines if one.status == "InService"]
    jobs, total = latest_jobs(visit, 6)
    return NotebooksView(
        lines=tuple(lines),
        jobs=jobs,
        jobs_total=total,
        domain=domain,
        idle=_idle(client.aside("sagemaker", "DescribeDomain", DomainId=domain)),
        memory=sum(one.memory for one in live),
        promised=sum(one.memory_limit for one in live),
        cpus=sum(one.cpus for one in live),
        homes=sum(max(0, one.use.home) for one in lines),
        profiles=tuple(one["UserProfileName"] for one in profiles),
        views=tabs("spaces", spaces=str(len(lines)), jobs=total),
    )


def _own_domain(visit: Visit) -> str:
    domains = visit.client.aside("sagemaker", "ListDomains", MaxResults=MOST)["Domains"]
    return str(domains[0]["DomainId"])  # the oldest


def _idle(domain: dict[str, Any]) -> str:
    found = ((domain.get("DefaultUserSettings") or {}).get(SETTINGS) or {}).get("AppLifecycleManagement") or {}
    idle = found.get("IdleSettings") or {}
    if idle.get("LifecycleManagement") == "DISABLED":
        return "never"
    return str(idle.get("IdleTimeoutInMinutes", ""))


@form("/notebooks/idle")
def set_idle(visit: Visit, fields: dict[str, str]) -> Done:
    """Sets the domain's idle timeout, for spaces of user profiles and for shared ones; it counts from the next start of each."""
    chosen, domain = fields.get("idle", ""), fields.get("domain", "")
    if chosen not in dict(IDLE):
        raise ValidationException(
            f"The idle timeout is one of {', '.join(value for value, _ in IDLE)}; it is {chosen[:20]!r}."
        )
    on = {"LifecycleManagement": "ENABLED", "IdleTimeoutInMinutes": int(chosen)} if chosen != "never" else {}
    idle: dict[str, Any] = on or {"LifecycleManagement": "DISABLED"}
    found = visit.client.aside("sagemaker", "DescribeDomain", DomainId=domain)
    changed: dict[str, Any] = {"DomainId": domain}
    for member in ("DefaultUserSettings", "DefaultSpaceSettings"):
        settings = found.get(member) or {}
        if member == "DefaultSpaceSettings" and not settings.get("ExecutionRole"):
            continue  # it can't be set without a role, and then takes those of users
        own = {
            name: value for name, value in (settings.get(SETTINGS) or {}).items() if name != "AppLifecycleManagement"
        }
        changed[member] = {SETTINGS: own | {"AppLifecycleManagement": {"IdleSettings": idle}}}
    visit.client.sagemaker("UpdateDomain", **changed)
    return Done("Saved: it applies to each space when it starts next.", BACK)


@form("/notebooks/new")
def new_space(visit: Visit, fields: dict[str, str]) -> Done:
    """Creates a space, and starts it if requested."""
    name, domain, owner = fields.get("name", "").strip(), fields.get("domain", ""), fields.get("owner", "")
    app_type = fields.get("app", APP_TYPES[0])
    shared = fields.get("sharing") == "Shared"
    visit.client.sagemaker(
        "CreateSpace",
        DomainId=domain,
        SpaceName=name,
        SpaceSettings={"AppType": app_type},
        OwnershipSettings={"OwnerUserProfileName": owner},
        SpaceSharingSettings={"SharingType": "Shared" if shared else "Private"},
    )
    names: dict[str, Any] = {"DomainId": domain, "SpaceName": name, "AppType": app_type, "AppName": "default"}
    if fields.get("instance"):
        names["ResourceSpec"] = {"InstanceType": fields["instance"]}
    visit.client.sagemaker("CreateApp", **names)
    return Done(f"{name} is starting.", BACK)

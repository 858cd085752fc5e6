"""User profiles: whose settings and home spaces and apps have."""

from __future__ import annotations

from sagewright.studio import tables
from sagewright.studio.buttons import Button, Field
from sagewright.studio.operations import OperationCall
from sagewright.studio.pages.prepare.notebook_lines import BACK
from sagewright.studio.pages.prepare.notebook_resources import ResourceView, flat, tabs
from sagewright.studio.tables import EmptyState, Listing, ListSource, Row, TableColumn
from sagewright.studio.visit import Visit, page

HOME = f"{BACK}/profiles"
SOURCE = ListSource(
    "ListUserProfiles",
    "UserProfiles",
    {"made": "CreationTime"},
    "-made",
    "UserProfileNameContains",
)
START = EmptyState(
    "No user profile yet",
    'boto3.client("sagemaker").create_user_profile(DomainId="d-…", UserProfileName="ada")',
)


@page("/notebooks/profiles", "list.html", "notebooks", ("user-profile",))
def user_profiles(visit: Visit) -> Listing:
    found = tables.read(visit, SOURCE)
    domains = visit.client.aside("sagemaker", "ListDomains", MaxResults=100)["Domains"]
    rows = tuple(
        Row(
            one["UserProfileName"],
            (
                tables.name(one["UserProfileName"], f"{HOME}/{one['DomainId']}/{one['UserProfileName']}"),
                tables.status(one["Status"]),
                tables.text(one["DomainId"]),
                tables.time(one["CreationTime"]),
            ),
        )
        for one in found.rows
    )
    create = OperationCall("sagemaker", "CreateUserProfile", {"DomainId": domains[0]["DomainId"] if domains else ""})
    new = Button(
        "New profile…",
        create,
        "The profile was created",
        "main",
        "plus",
        (Field("UserProfileName", "Name"),),
        off="" if domains else "there is no domain",
        key="c",
        back=HOME,
    )
    return Listing(
        "User profiles",
        (
            TableColumn("Name"),
            TableColumn("Status", "status"),
            TableColumn("Domain", rank=2),
            TableColumn("Created", "time", "made"),
        ),
        rows,
        START,
        crumb="Data and tools",
        views=tabs("profiles"),
        chips=found.chips,
        **found.position,
        heads=(new,),
        q=visit.query.get("q", ""),
        sorted_by=found.sorted_by,
    )


@page("/notebooks/profiles/{domain}/{name}", "notebookresource.html", "notebooks", ("user-profile",))
def user_profile(visit: Visit) -> ResourceView:
    names = {"DomainId": visit.path["domain"], "UserProfileName": visit.path["name"]}
    found = visit.client.sagemaker("DescribeUserProfile", **names)
    delete = Button(
        "Delete…",
        OperationCall("sagemaker", "DeleteUserProfile", names),
        f"{names['UserProfileName']} is deleted",
        "harm",
        confirm="Its apps and spaces have to be deleted first. Its home directory is deleted permanently.",
        back=HOME,
    )
    return ResourceView(
        found["UserProfileName"],
        "user profile",
        ("User profiles", HOME),
        found["UserProfileArn"],
        found["CreationTime"],
        found["LastModifiedTime"],
        (delete,),
        found["Status"],
        found.get("FailureReason", ""),
        (("Domain", found["DomainId"]),),
        tuple(flat(found.get("UserSettings") or {})),
    )

"""`sagewright users`: people who share the server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sagewright.cli.access.calls import Iam
from sagewright.cli.access.handing import PersonalKey, check_folder, hand_over
from sagewright.cli.options import DataOption, fail, settings_of
from sagewright.cli.output import (
    Format,
    JsonOption,
    OutputColumn,
    OutputOption,
    chosen,
    moment,
    print_facts,
    print_json,
    print_rows,
)

app = typer.Typer(no_args_is_help=True, help="People who share the server.")
OF_AWS = "arn:aws:iam::aws:policy/"
DEFAULT_POLICIES = ("AmazonSageMakerFullAccess", "AmazonS3FullAccess")
UserName = Annotated[str, typer.Argument(help="The user's name.", metavar="NAME")]
PolicyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--policy",
        help="A managed policy by its name or ARN, or a file with a policy document; repeatable.",
        metavar="POLICY",
    ),
]


@app.command()
def create(
    name: UserName,
    data: DataOption = None,
    policy: PolicyOption = None,
    group: Annotated[
        list[str] | None, typer.Option("--group", help="A group to join; it is created if it doesn't exist.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--to", help="Write a folder with the server's URL and the key, for `--data`.")
    ] = None,
) -> None:
    """Create a user with a key. From the first user on, policies decide every request.

    Without --policy the user may use SageMaker, S3 and logs, and pass the execution role.
    """
    settings = settings_of(data=data)
    iam = Iam(settings)
    documents = {one: _document(one) for one in policy or DEFAULT_POLICIES}
    check_folder(to)
    iam("create_user", UserName=name)
    for one, document in documents.items():
        _grant(iam, name, one, document)
    there = {one["GroupName"] for one in iam.all("list_groups", "Groups")} if group else set()
    for one in group or ():
        if one not in there:
            iam("create_group", GroupName=one)
        iam("add_user_to_group", GroupName=one, UserName=name)
    key = iam("create_access_key", UserName=name)["AccessKey"]
    hand_over(settings, PersonalKey(key["AccessKeyId"], key["SecretAccessKey"]), to)


@app.command("list")
def list_(data: DataOption = None, output: OutputOption = Format.TABLE, json: JsonOption = False) -> None:
    """List users. JSON has the members of ListUsers."""
    columns = (
        OutputColumn("name", lambda one: str(one["UserName"])),
        OutputColumn("created", lambda one: moment(one["CreateDate"])),
        OutputColumn("arn", lambda one: str(one["Arn"])),
    )
    print_rows(Iam(settings_of(data=data)).all("list_users", "Users"), columns, chosen(output, json))


@app.command()
def show(name: UserName, data: DataOption = None, json: JsonOption = False) -> None:
    """Show a user's groups, policies and keys."""
    iam = Iam(settings_of(data=data))
    user = iam("get_user", UserName=name)["User"]
    if name == "admin":
        facts: dict[str, Any] = {"User": user, "Groups": [], "AttachedPolicies": [], "PolicyNames": []}
    else:
        facts = {
            "User": user,
            "Groups": [one["GroupName"] for one in iam.all("list_groups_for_user", "Groups", UserName=name)],
            "AttachedPolicies": [
                one["PolicyArn"] for one in iam.all("list_attached_user_policies", "AttachedPolicies", UserName=name)
            ],
            "PolicyNames": list(iam.all("list_user_policies", "PolicyNames", UserName=name)),
        }
    facts["AccessKeys"] = [
        {"AccessKeyId": one["AccessKeyId"], "Status": one["Status"]}
        for one in iam.all("list_access_keys", "AccessKeyMetadata", UserName=name)
    ]
    if json:
        print_json(facts)
        return
    keys = ", ".join(f"{one['AccessKeyId']} ({one['Status']})" for one in facts["AccessKeys"])
    rows = [
        ("arn", user["Arn"]),
        ("groups", ", ".join(facts["Groups"])),
        ("attached", ", ".join(facts["AttachedPolicies"])),
        ("inline", ", ".join(facts["PolicyNames"])),
        ("keys", keys),
    ]
    print_facts(name, "", [(title, text) for title, text in rows if text])


@app.command()
def grant(name: UserName, policy: PolicyOption = None, data: DataOption = None) -> None:
    """Attach further policies to a user."""
    if not policy:
        fail("Name a policy: --policy AmazonSageMakerReadOnly, an ARN, or a file.")
    iam, documents = Iam(settings_of(data=data)), {one: _document(one) for one in policy}
    for one, document in documents.items():
        _grant(iam, name, one, document)


@app.command("sign-in")
def sign_in(
    name: UserName,
    data: DataOption = None,
    minutes: Annotated[int, typer.Option("--minutes", min=1, max=1440, help="Minutes for which the URL works.")] = 60,
) -> None:
    """Print a URL that signs a user without a key in to Studio, once. The session lasts at most 12 hours."""
    from sagewright.cli.server.studio import signed_in_as

    typer.echo(signed_in_as(settings_of(data=data), name, minutes))


@app.command()
def delete(name: UserName, data: DataOption = None) -> None:
    """Delete a user with its keys, sessions and policies. Resources that the user created stay."""
    iam = Iam(settings_of(data=data))
    iam("get_user", UserName=name)
    if name == "admin":
        fail("The admin owns the account and can't be deleted.")
    for key in iam.all("list_access_keys", "AccessKeyMetadata", UserName=name):
        iam("delete_access_key", UserName=name, AccessKeyId=key["AccessKeyId"])
    for group in list(iam.all("list_groups_for_user", "Groups", UserName=name)):
        iam("remove_user_from_group", UserName=name, GroupName=group["GroupName"])
    for one in list(iam.all("list_attached_user_policies", "AttachedPolicies", UserName=name)):
        iam("detach_user_policy", UserName=name, PolicyArn=one["PolicyArn"])
    for inline in list(iam.all("list_user_policies", "PolicyNames", UserName=name)):
        iam("delete_user_policy", UserName=name, PolicyName=inline)
    iam("delete_user", UserName=name)


def _document(policy: str) -> str | None:
    """Returns the text of a file, None for a policy that is named. Ends the command for a file that can't be read."""
    if policy.startswith("arn:") or not (policy.endswith(".json") or "/" in policy):
        return None
    try:
        return Path(policy).read_text()
    except (OSError, UnicodeDecodeError) as error:
        fail(f"The policy {policy} can't be read: {error}")


def _grant(iam: Iam, name: str, policy: str, document: str | None) -> None:
    if document is not None:
        iam("put_user_policy", UserName=name, PolicyName=Path(policy).stem, PolicyDocument=document)
        return
    arn = policy if policy.startswith("arn:") else OF_AWS + policy
    iam("attach_user_policy", UserName=name, PolicyArn=arn)

"""`sagewright keys`: access keys of users."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sagewright.cli.access.calls import Iam
from sagewright.cli.access.handing import PersonalKey, check_folder, hand_over, target_of
from sagewright.cli.access.master import rotate_master
from sagewright.cli.options import FAILURE, DataOption, fail, settings_of
from sagewright.cli.output import Format, JsonOption, OutputColumn, OutputOption, chosen, moment, print_rows
from sagewright.model.aws.access_keys import AccessKey

app = typer.Typer(no_args_is_help=True, help="Access keys of users, and the master key of the store.")
app.command("rotate-master")(rotate_master)
ADMIN = "admin"
OfUser = Annotated[str, typer.Argument(help="The user's name.", metavar="USER")]
ToOption = Annotated[Path | None, typer.Option("--to", help="Write a folder with the server's URL and the key.")]


@app.command("list")
def list_(
    user: Annotated[str | None, typer.Argument(help="One user; otherwise all.", metavar="[USER]")] = None,
    data: DataOption = None,
    output: OutputOption = Format.TABLE,
    json: JsonOption = False,
) -> None:
    """List keys. JSON has the members of ListAccessKeys."""
    iam = Iam(settings_of(data=data))
    names = [user] if user else [one["UserName"] for one in iam.all("list_users", "Users")]
    found = [key for name in names for key in iam.all("list_access_keys", "AccessKeyMetadata", UserName=name)]
    columns = (
        OutputColumn("key", lambda one: str(one["AccessKeyId"])),
        OutputColumn("user", lambda one: str(one["UserName"])),
        OutputColumn("status", lambda one: str(one["Status"])),
        OutputColumn("created", lambda one: moment(one["CreateDate"])),
    )
    print_rows(found, columns, chosen(output, json))


@app.command()
def create(user: OfUser, data: DataOption = None, to: ToOption = None) -> None:
    """Create a key for a user, who may have two."""
    check_folder(to)
    settings = settings_of(data=data)
    hand_over(settings, _made(Iam(settings), user), to)


@app.command()
def rotate(user: OfUser, data: DataOption = None, to: ToOption = None) -> None:
    """Replace a user's keys with a new one. The admin's old key stays valid until it is revoked, because the server uses it."""
    settings = settings_of(data=data)
    iam = Iam(settings)
    before = [one["AccessKeyId"] for one in iam.all("list_access_keys", "AccessKeyMetadata", UserName=user)]
    if user == ADMIN:
        from sagewright.server import credentials

        target = target_of(settings)
        made = _made(iam, user)
        key = AccessKey(made.id, made.secret, None, "", "", None, None)
        credentials.write(settings.data / "credentials", key, target.region, target.account)
        typer.echo(f"{settings.data / 'credentials'} contains the new key {made.id}.")
        typer.echo(f"Restart the server, then: sagewright keys revoke {' '.join(before)} --data {settings.data}")
        return
    check_folder(to)
    if len(before) > 1:  # a user has at most two
        iam("delete_access_key", UserName=user, AccessKeyId=before.pop(0))
    hand_over(settings, _made(iam, user), to)
    for one in before:
        iam("delete_access_key", UserName=user, AccessKeyId=one)


@app.command()
def revoke(
    keys: Annotated[list[str], typer.Argument(help="Ids of keys.", metavar="KEY...")], data: DataOption = None
) -> None:
    """Delete keys. They stop working at once."""
    settings = settings_of(data=data)
    own, iam = target_of(settings).access_key_id, Iam(settings)
    holders = {
        key["AccessKeyId"]: one["UserName"]
        for one in iam.all("list_users", "Users")
        for key in iam.all("list_access_keys", "AccessKeyMetadata", UserName=one["UserName"])
    }
    for key in keys:
        if key not in holders:
            fail(f"There is no key {key}.", FAILURE)
        if key == own:
            fail(f"{key} is the key of this command; rotate it first.")
    for key in keys:
        iam("delete_access_key", UserName=holders[key], AccessKeyId=key)


def _made(iam: Iam, user: str) -> PersonalKey:
    key = iam("create_access_key", UserName=user)["AccessKey"]
    return PersonalKey(key["AccessKeyId"], key["SecretAccessKey"])

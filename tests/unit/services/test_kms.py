"""Keys whose waiting period is over: gone at once for requests, removed with their aliases and material by the chore."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from sagewright.model.clock import now_ms
from sagewright.model.errors import AwsError
from sagewright.model.settings import Settings
from sagewright.services.context import ANONYMOUS, Context, Platform
from sagewright.services.kms.aliases import create_alias
from sagewright.services.kms.encryption import decrypt, encrypt
from sagewright.services.kms.keys import create_key, describe_key
from sagewright.services.kms.states import cancel_key_deletion, forget_deleted, schedule_key_deletion
from sagewright.services.kmskeys import ALIAS, KIND, place_of
from sagewright.store import resources
from sagewright.store.database import Database


@pytest.fixture
def context(database: Database, tmp_path: Path) -> Context:
    engine = cast("Any", None)
    platform = Platform(Settings(data=tmp_path / "data"), database, engine, engine)
    return Context("", "000000000000", "us-east-1", ANONYMOUS, platform)


def test_a_key_is_gone_once_its_waiting_period_is_over(context: Context) -> None:
    over, waiting = (create_key(context, {})["KeyMetadata"]["KeyId"] for _ in range(2))
    for name in (over, waiting):
        create_alias(context, {"AliasName": f"alias/{name}", "TargetKeyId": name})
    blob = encrypt(context, {"KeyId": over, "Plaintext": b"x"})["CiphertextBlob"]
    for name in (over, waiting):
        schedule_key_deletion(context, {"KeyId": name})
    key = resources.find(context.store, place_of(context), over)
    assert key is not None
    past = {"DeletionMs": now_ms() - 1}
    resources.alter(context.store, key.id, lambda now: replace(now, document=now.document | past))

    for call, request in (
        (describe_key, {"KeyId": over}),
        (describe_key, {"KeyId": f"alias/{over}"}),
        (cancel_key_deletion, {"KeyId": over}),
        (decrypt, {"CiphertextBlob": blob}),
    ):
        with pytest.raises(AwsError) as caught:
            call(context, request)
        assert caught.value.code in {"NotFoundException", "AccessDeniedException"}
    forget_deleted(context.store)
    assert [key.name for key in resources.of_kind(context.store, KIND)] == [waiting]
    assert [alias.name for alias in resources.of_kind(context.store, ALIAS)] == [f"alias/{waiting}"]

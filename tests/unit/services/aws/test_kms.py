"""Effects of time on keys: deleted, rotated and expired ones; and content of stores of earlier versions."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sagewright.model.clock import now_ms
from sagewright.model.errors import AwsError
from sagewright.model.settings import Settings
from sagewright.services.aws.kms.aliases import create_alias
from sagewright.services.aws.kms.ciphertexts import FIRST
from sagewright.services.aws.kms.encryption import decrypt, encrypt
from sagewright.services.aws.kms.grants import KIND as GRANT
from sagewright.services.aws.kms.grants import create_grant
from sagewright.services.aws.kms.imports import KIND as IMPORT
from sagewright.services.aws.kms.imports import forget_expired, get_parameters_for_import, import_key_material
from sagewright.services.aws.kms.keys import create_key, describe_key
from sagewright.services.aws.kms.rotation import (
    enable_key_rotation,
    get_key_rotation_status,
    list_key_rotations,
    rotate_due,
)
from sagewright.services.aws.kms.states import cancel_key_deletion, forget_deleted, schedule_key_deletion
from sagewright.services.aws.kms_keys import ALIAS, KIND, material_of, materials, require_key, scope_of
from sagewright.services.context import ANONYMOUS, Context, Platform
from sagewright.store.database import Database
from sagewright.store.earlier_secrets import seal_earlier_secrets
from sagewright.store.resources import resources


@pytest.fixture
def context(database: Database, tmp_path: Path) -> Context:
    engine = cast("Any", None)
    platform = Platform(Settings(data=tmp_path / "data"), database, engine, engine)
    return Context("", "000000000000", "us-east-1", ANONYMOUS, platform)


def test_a_key_is_gone_once_its_waiting_period_is_over(context: Context) -> None:
    over, waiting = (create_key(context, {})["KeyMetadata"]["KeyId"] for _ in range(2))
    for name in (over, waiting):
        create_alias(context, {"AliasName": f"alias/{name}", "TargetKeyId": name})
        grant = {"KeyId": name, "GranteePrincipal": "arn:aws:iam::000000000000:role/r", "Operations": ["Encrypt"]}
        create_grant(context, grant)
    blob = encrypt(context, {"KeyId": over, "Plaintext": b"x"})["CiphertextBlob"]
    for name in (over, waiting):
        schedule_key_deletion(context, {"KeyId": name})
    key = resources.find(context.store, scope_of(context), over)
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
    assert len(resources.of_kind(context.store, GRANT)) == 1


def made(context: Context, **requested: Any) -> str:
    name: str = create_key(context, requested)["KeyMetadata"]["KeyId"]
    return name


def changed(context: Context, name: str, how: Any) -> None:
    """Change the document of a key in the store."""
    key = require_key(context, name)
    resources.alter(context.store, key.id, lambda now: replace(now, document=how(now.document)))


def test_a_key_and_a_ciphertext_of_an_earlier_version_are_good(context: Context) -> None:
    name, material, head = made(context), bytes(range(32)), bytes(28)
    old = material_of(context.store, name, material, "ab" * 32) | {"Manager": "CUSTOMER"}
    changed(context, name, lambda _: old | {"Description": ""})
    seal_earlier_secrets(context.store)  # as the first start of a later version does
    header = FIRST + uuid.UUID(name).bytes + head
    derived = HKDF(SHA256(), length=32, salt=head[:16], info=b"sagewright kms 1").derive(material)
    blob = header + AESGCM(derived).encrypt(head[16:], b"old", header + b"{}")
    described = decrypt(context, {"CiphertextBlob": blob})
    assert (described["Plaintext"], described["KeyMaterialId"]) == (b"old", "ab" * 32)
    assert describe_key(context, {"KeyId": name})["KeyMetadata"]["KeySpec"] == "SYMMETRIC_DEFAULT"

    enable_key_rotation(context, {"KeyId": name})
    changed(context, name, lambda now: now | {"Rotation": {"PeriodDays": 365, "NextMs": now_ms() - 1}})
    rotate_due(context.store)
    assert decrypt(context, {"CiphertextBlob": blob})["Plaintext"] == b"old"


def test_a_key_is_rotated_once_when_its_period_is_over(context: Context) -> None:
    due, other = made(context), made(context)
    for name in (due, other):
        enable_key_rotation(context, {"KeyId": name, "RotationPeriodInDays": 90})
    blob = encrypt(context, {"KeyId": due, "Plaintext": b"x"})["CiphertextBlob"]
    changed(context, due, lambda now: now | {"Rotation": {"PeriodDays": 90, "NextMs": now_ms() - 1}})
    for _ in range(2):
        rotate_due(context.store)
    (rotation,) = list_key_rotations(context, {"KeyId": due})["Rotations"]
    assert rotation["RotationType"] == "AUTOMATIC"
    assert list_key_rotations(context, {"KeyId": other})["Rotations"] == []
    following = get_key_rotation_status(context, {"KeyId": due})["NextRotationDate"]
    assert timedelta(days=89) < following - datetime.now(UTC) < timedelta(days=91)
    described = decrypt(context, {"CiphertextBlob": blob})
    assert (described["Plaintext"], described["KeyMaterialId"]) == (
        b"x",
        materials(require_key(context, due).document)[0]["MaterialId"],
    )


def test_keys_that_aws_manages_are_rotated_each_year(context: Context) -> None:
    key = require_key(context, "alias/aws/s3", by_alias=True)
    assert get_key_rotation_status(context, {"KeyId": key.name})["KeyRotationEnabled"]
    year_ago = now_ms() - 366 * 86_400_000
    changed(context, key.name, lambda now: now | {"Materials": [now["Materials"][0] | {"RotatedMs": year_ago}]})
    for _ in range(2):
        rotate_due(context.store)
    assert len(materials(require_key(context, key.name).document)) == 2


def test_imported_material_and_tokens_expire(context: Context) -> None:
    from cryptography.hazmat.primitives.asymmetric import padding
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    name = made(context, Origin="EXTERNAL")
    wrapping = {"WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}
    requested = get_parameters_for_import(context, {"KeyId": name, **wrapping})
    public: Any = load_der_public_key(requested["PublicKey"])
    wrapped = public.encrypt(bytes(32), padding.OAEP(padding.MGF1(SHA256()), SHA256(), None))
    request = {"KeyId": name, "ImportToken": requested["ImportToken"], "EncryptedKeyMaterial": wrapped}
    import_key_material(context, request | {"ValidTo": datetime.now(UTC) + timedelta(days=1)})
    blob = encrypt(context, {"KeyId": name, "Plaintext": b"x"})["CiphertextBlob"]
    past = {"ValidToMs": now_ms() - 1}
    changed(context, name, lambda now: now | {"Materials": [now["Materials"][0] | past]})
    assert describe_key(context, {"KeyId": name})["KeyMetadata"]["KeyState"] == "PendingImport"
    with pytest.raises(AwsError, match="pending import"):
        decrypt(context, {"CiphertextBlob": blob})
    import_key_material(context, request | {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"})
    assert decrypt(context, {"CiphertextBlob": blob})["Plaintext"] == b"x"

    (token,) = resources.of_kind(context.store, IMPORT)
    resources.alter(context.store, token.id, lambda now: replace(now, document=now.document | past))
    with pytest.raises(AwsError) as caught:
        import_key_material(context, request | {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"})
    assert caught.value.code == "ExpiredImportTokenException"
    forget_expired(context.store)
    assert resources.of_kind(context.store, IMPORT) == []

"""KMS driven by boto3 and the AWS CLI: keys and their states, aliases, what they encrypt, tags, policies."""

from __future__ import annotations

import base64
import json
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from sagewright.services.aws import kms_keys
from sagewright.store.database import Database

if TYPE_CHECKING:
    from conftest import RunningServer

CLI = Path(__file__).parents[3] / ".cache" / "clients" / "aws-cli" / "bin" / "aws"
ARN = "arn:aws:kms:us-east-1:000000000000:"


@pytest.fixture(scope="module")
def kms(server: RunningServer) -> Any:
    return server.boto("kms")


@pytest.fixture
def key(kms: Any) -> str:
    key_id: str = kms.create_key()["KeyMetadata"]["KeyId"]
    return key_id


@pytest.fixture
def alias() -> str:
    return f"alias/{uuid.uuid4().hex}"


def fault(call: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**request)
    code: str = caught.value.response["Error"]["Code"]
    return code


def listed(call: Callable[..., dict[str, Any]], member: str, **request: Any) -> Iterator[dict[str, Any]]:
    """Yields the entries of a list, page by page."""
    page = call(**request)
    yield from page[member]
    while page["Truncated"]:
        page = call(**request, Marker=page["NextMarker"])
        yield from page[member]


def test_a_key_is_told(kms: Any) -> None:
    tags = [{"TagKey": "team", "TagValue": "ml"}]
    made = kms.create_key(Description="of models", Tags=tags)["KeyMetadata"]
    assert made["Arn"] == f"{ARN}key/{made['KeyId']}"
    assert (made["KeyState"], made["Enabled"], made["Description"]) == ("Enabled", True, "of models")
    assert (made["KeySpec"], made["KeyUsage"], made["KeyManager"]) == (
        "SYMMETRIC_DEFAULT",
        "ENCRYPT_DECRYPT",
        "CUSTOMER",
    )
    for named in (made["KeyId"], made["Arn"]):
        assert kms.describe_key(KeyId=named)["KeyMetadata"] == made
    assert kms.list_resource_tags(KeyId=made["KeyId"])["Tags"] == tags
    kms.update_key_description(KeyId=made["KeyId"], Description="of others")
    assert kms.describe_key(KeyId=made["KeyId"])["KeyMetadata"]["Description"] == "of others"
    assert kms.get_key_rotation_status(KeyId=made["KeyId"])["KeyRotationEnabled"] is False


def test_keys_of_other_kinds_are_refused(kms: Any) -> None:
    for asked in (
        {"KeySpec": "ML_DSA_44", "KeyUsage": "SIGN_VERIFY"},
        {"KeySpec": "ECC_NIST_EDWARDS25519", "KeyUsage": "SIGN_VERIFY"},
        {"Origin": "AWS_CLOUDHSM"},
        {"CustomKeyStoreId": "cks-1"},
    ):
        assert fault(kms.create_key, **asked) == "UnsupportedOperationException"


def test_lists_in_pages_tell_everything_once(kms: Any, alias: str) -> None:
    keys = {kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(5)}
    one = min(keys)
    names = [f"{alias}-{i}" for i in range(5)]
    for name in names:
        kms.create_alias(AliasName=name, TargetKeyId=one)
    found = [each["KeyId"] for each in listed(kms.list_keys, "Keys", Limit=2)]
    assert keys <= set(found)
    assert len(found) == len(set(found))
    assert [each["AliasName"] for each in listed(kms.list_aliases, "Aliases", Limit=2, KeyId=one)] == names
    for call in (kms.list_keys, kms.list_aliases):
        assert fault(call, Marker="nonsense") == "InvalidMarkerException"


def test_what_is_encrypted_is_decrypted(kms: Any, key: str) -> None:
    plaintext = bytes(range(256)) * 16
    sealed = kms.encrypt(KeyId=key, Plaintext=plaintext, EncryptionContext={"a": "1", "b": "2"})
    again = kms.encrypt(KeyId=key, Plaintext=plaintext, EncryptionContext={"a": "1", "b": "2"})
    assert sealed["KeyId"] == f"{ARN}key/{key}"
    assert sealed["CiphertextBlob"] != again["CiphertextBlob"]
    assert plaintext[:64] not in sealed["CiphertextBlob"]
    for named in ({}, {"KeyId": key}, {"KeyId": sealed["KeyId"]}):
        described = kms.decrypt(
            CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext={"b": "2", "a": "1"}, **named
        )
        assert (described["Plaintext"], described["KeyId"]) == (plaintext, sealed["KeyId"])
    assert fault(kms.encrypt, KeyId=key, Plaintext=b"x" * 4097) == "ValidationException"
    with pytest.raises(kms.exceptions.InvalidKeyUsageException):
        kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionAlgorithm="RSAES_OAEP_SHA_256")


@pytest.mark.parametrize("context", [{}, {"a": "2"}, {"A": "1"}, {"a": "1", "b": ""}])
def test_another_encryption_context_is_refused(kms: Any, key: str, context: dict[str, str]) -> None:
    blob = kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"a": "1"})["CiphertextBlob"]
    with pytest.raises(kms.exceptions.InvalidCiphertextException):
        kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)


def test_a_ciphertext_changed_anywhere_is_refused(kms: Any, key: str) -> None:
    blob = kms.encrypt(KeyId=key, Plaintext=b"secret")["CiphertextBlob"]
    codes = set()
    for at in range(len(blob)):
        changed = blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :]
        codes.add(fault(kms.decrypt, CiphertextBlob=changed))
        assert fault(kms.decrypt, CiphertextBlob=changed, KeyId=key) in {
            "InvalidCiphertextException",
            "IncorrectKeyException",
        }
    assert codes == {"InvalidCiphertextException", "AccessDeniedException"}, (
        "the latter where the id of its key changed"
    )
    for length in (1, 16, 44, 45, 61, len(blob) - 1):
        assert fault(kms.decrypt, CiphertextBlob=blob[:length]) == "InvalidCiphertextException"


def test_a_ciphertext_of_another_key(kms: Any, key: str) -> None:
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"secret", EncryptionContext={"a": "1"})["CiphertextBlob"]
    with pytest.raises(kms.exceptions.IncorrectKeyException):
        kms.decrypt(CiphertextBlob=blob, KeyId=other, EncryptionContext={"a": "1"})
    moved = kms.re_encrypt(
        CiphertextBlob=blob,
        SourceEncryptionContext={"a": "1"},
        DestinationKeyId=other,
        DestinationEncryptionContext={"b": "2"},
    )
    assert (moved["SourceKeyId"], moved["KeyId"]) == (f"{ARN}key/{key}", f"{ARN}key/{other}")
    described = kms.decrypt(CiphertextBlob=moved["CiphertextBlob"], KeyId=other, EncryptionContext={"b": "2"})
    assert described["Plaintext"] == b"secret"


def test_data_keys(kms: Any, key: str) -> None:
    context = {"job": "j"}
    for asked, size in (({"KeySpec": "AES_256"}, 32), ({"KeySpec": "AES_128"}, 16), ({"NumberOfBytes": 1024}, 1024)):
        made = kms.generate_data_key(KeyId=key, EncryptionContext=context, **asked)
        assert len(made["Plaintext"]) == size
        described = kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext=context)
        assert described["Plaintext"] == made["Plaintext"]
        hidden = kms.generate_data_key_without_plaintext(KeyId=key, **asked)
        assert "Plaintext" not in hidden
        assert len(kms.decrypt(CiphertextBlob=hidden["CiphertextBlob"])["Plaintext"]) == size
    assert fault(kms.generate_data_key, KeyId=key) == "ValidationException"
    assert fault(kms.generate_data_key, KeyId=key, KeySpec="AES_256", NumberOfBytes=3) == "ValidationException"
    randoms = {kms.generate_random(NumberOfBytes=32)["Plaintext"] for _ in range(4)}
    assert {len(each) for each in randoms} == {32}
    assert len(randoms) == 4


def test_what_is_not_served_is_refused_and_a_dry_run_does_nothing(kms: Any, key: str) -> None:
    with pytest.raises(kms.exceptions.DryRunOperationException):
        kms.encrypt(KeyId=key, Plaintext=b"x", DryRun=True)
    with pytest.raises(kms.exceptions.InvalidGrantTokenException):
        kms.encrypt(KeyId=key, Plaintext=b"x", GrantTokens=["token"])
    recipient = {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": b"x"}
    assert fault(kms.generate_random, NumberOfBytes=8, Recipient=recipient) == "UnsupportedOperationException"


def test_the_states_of_a_key(kms: Any, key: str, alias: str) -> None:
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    uses: list[Callable[[], Any]] = [
        lambda: kms.encrypt(KeyId=key, Plaintext=b"x"),
        lambda: kms.decrypt(CiphertextBlob=blob),
        lambda: kms.generate_data_key(KeyId=key, KeySpec="AES_256"),
        lambda: kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=key),
    ]
    kms.disable_key(KeyId=key)
    for use in uses:
        with pytest.raises(kms.exceptions.DisabledException):
            use()
    kms.enable_key(KeyId=key)
    for use in uses:
        use()
    assert fault(kms.cancel_key_deletion, KeyId=key) == "KMSInvalidStateException"
    assert fault(kms.schedule_key_deletion, KeyId=key, PendingWindowInDays=6) == "ValidationException"
    scheduled = kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    ahead = scheduled["DeletionDate"] - datetime.now(UTC)
    assert timedelta(days=6, hours=23) < ahead <= timedelta(days=7)
    described = kms.describe_key(KeyId=key)["KeyMetadata"]
    assert (described["KeyState"], described["DeletionDate"]) == ("PendingDeletion", scheduled["DeletionDate"])
    uses += [
        lambda: kms.enable_key(KeyId=key),
        lambda: kms.disable_key(KeyId=key),
        lambda: kms.create_alias(AliasName=alias, TargetKeyId=key),
        lambda: kms.tag_resource(KeyId=key, Tags=[{"TagKey": "a", "TagValue": "b"}]),
        lambda: kms.schedule_key_deletion(KeyId=key),
    ]
    for use in uses:
        with pytest.raises(kms.exceptions.KMSInvalidStateException):
            use()
    kms.cancel_key_deletion(KeyId=key)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Disabled"
    kms.enable_key(KeyId=key)
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_aliases(kms: Any, key: str, alias: str) -> None:
    kms.create_alias(AliasName=alias, TargetKeyId=key)
    with pytest.raises(kms.exceptions.AlreadyExistsException):
        kms.create_alias(AliasName=alias, TargetKeyId=key)
    for named in (alias, f"{ARN}{alias}"):
        assert kms.describe_key(KeyId=named)["KeyMetadata"]["KeyId"] == key
        assert kms.encrypt(KeyId=named, Plaintext=b"x")["KeyId"] == f"{ARN}key/{key}"
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.update_alias(AliasName=alias, TargetKeyId=other)
    assert kms.encrypt(KeyId=alias, Plaintext=b"x")["KeyId"] == f"{ARN}key/{other}"
    (described,) = kms.list_aliases(KeyId=other)["Aliases"]
    assert (described["AliasName"], described["AliasArn"], described["TargetKeyId"]) == (alias, f"{ARN}{alias}", other)
    kms.delete_alias(AliasName=alias)
    assert kms.list_aliases(KeyId=other)["Aliases"] == []
    with pytest.raises(kms.exceptions.NotFoundException):
        kms.delete_alias(AliasName=alias)
    with pytest.raises(kms.exceptions.NotFoundException):
        kms.describe_key(KeyId=alias)
    assert fault(kms.create_alias, AliasName="nothing", TargetKeyId=key) == "ValidationException"
    assert fault(kms.create_alias, AliasName="alias/aws/mine", TargetKeyId=key) == "InvalidAliasNameException"


def test_aws_managed_keys_are_there_once_they_are_asked_for(kms: Any) -> None:
    described = kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]
    assert described["KeyManager"] == "AWS"
    assert kms.describe_key(KeyId=f"{ARN}alias/aws/s3")["KeyMetadata"] == described
    for change in (kms.disable_key, kms.schedule_key_deletion):
        assert fault(change, KeyId=described["KeyId"]) == "AccessDeniedException"
    assert fault(kms.encrypt, KeyId="alias/aws/s3", Plaintext=b"x") == "AccessDeniedException"
    assert fault(kms.describe_key, KeyId="alias/aws/unknown") == "NotFoundException"


def test_keys_that_are_not_there(kms: Any) -> None:
    absent = str(uuid.uuid4())
    foreign = f"arn:aws:kms:us-east-1:111111111111:key/{absent}"
    for named in (absent, "nonsense", f"{ARN}key/{absent}", f"arn:aws:kms:eu-west-1:000000000000:key/{absent}"):
        assert fault(kms.describe_key, KeyId=named) == "NotFoundException"
        assert fault(kms.encrypt, KeyId=named, Plaintext=b"x") == "NotFoundException"
    assert fault(kms.describe_key, KeyId=foreign) == "AccessDeniedException"
    assert fault(kms.describe_key, KeyId="arn:aws:s3:::bucket") == "InvalidArnException"
    assert fault(kms.enable_key, KeyId="alias/of-a-key") == "NotFoundException"


def test_policies_and_tags(kms: Any, key: str) -> None:
    default = json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    assert default["Statement"][0]["Action"] == "kms:*"
    policy = json.dumps({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}]})
    kms.put_key_policy(KeyId=key, Policy=policy)
    assert kms.get_key_policy(KeyId=key)["Policy"] == policy
    assert kms.list_key_policies(KeyId=key)["PolicyNames"] == ["default"]
    assert fault(kms.put_key_policy, KeyId=key, Policy="{") == "MalformedPolicyDocumentException"
    assert fault(kms.get_key_policy, KeyId=key, PolicyName="other") == "NotFoundException"
    kms.tag_resource(KeyId=key, Tags=[{"TagKey": f"k{i}", "TagValue": str(i)} for i in range(3)])
    kms.untag_resource(KeyId=key, TagKeys=["k1"])
    found = [each["TagKey"] for each in listed(kms.list_resource_tags, "Tags", KeyId=key, Limit=1)]
    assert found == ["k0", "k2"]
    assert fault(kms.tag_resource, KeyId=key, Tags=[{"TagKey": "aws:a", "TagValue": ""}]) == "TagException"
    many = [{"TagKey": str(i), "TagValue": ""} for i in range(49)]
    assert fault(kms.tag_resource, KeyId=key, Tags=many) == "LimitExceededException"


def test_the_material_is_told_by_nothing(server: RunningServer, kms: Any, key: str) -> None:
    with sqlite3.connect(server.data / "store.sqlite") as store:
        (document,) = store.execute("SELECT document FROM resources WHERE name = ?", (key,)).fetchone()
    (sealed,) = json.loads(document)["Materials"]
    database = Database(f"sqlite:///{server.data / 'store.sqlite'}")
    material = kms_keys.opened(database, key, sealed)
    database.close()
    assert base64.b64encode(material).decode() not in document
    assert len(material) == 32
    bodies: list[bytes] = []
    kms.meta.events.register("after-call", lambda http_response, **_: bodies.append(http_response.content))
    kms.describe_key(KeyId=key)
    kms.list_keys()
    kms.encrypt(KeyId=key, Plaintext=b"x")
    kms.get_key_policy(KeyId=key)
    kms.disable_key(KeyId=key)
    assert fault(kms.encrypt, KeyId=key, Plaintext=b"x") == "DisabledException"
    assert len(bodies) >= 6
    for secret in (material, base64.b64encode(material), material.hex().encode()):
        assert not any(secret in body for body in bodies)
        assert secret.decode("latin-1") not in server.log()


def test_the_aws_cli(server: RunningServer, tmp_path: Path, alias: str) -> None:
    def run(*command: str) -> str:
        done = server.door(str(CLI), "kms", *command, "--output", "text", cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    (tmp_path / "plain").write_bytes(b"a secret")
    key = run("create-key", "--query", "KeyMetadata.KeyId")
    run("create-alias", "--alias-name", alias, "--target-key-id", key)
    context = ("--encryption-context", "purpose=test")
    blob = run("encrypt", "--key-id", alias, "--plaintext", "fileb://plain", *context, "--query", "CiphertextBlob")
    (tmp_path / "sealed").write_bytes(base64.b64decode(blob))
    plain = run("decrypt", "--ciphertext-blob", "fileb://sealed", *context, "--query", "Plaintext")
    assert base64.b64decode(plain) == b"a secret"

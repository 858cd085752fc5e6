"""Policies for keys of KMS hold however a request names the key: by id, ARN, alias, or ciphertext."""

from __future__ import annotations

from typing import Any

from tests.teams import Team, allow, deny, is_denied


def test_a_policy_names_the_key_and_requests_its_alias_or_ciphertext(team: Team) -> None:
    kms = team.server.boto("kms")
    mine, other = (kms.create_key()["KeyMetadata"] for _ in range(2))
    kms.create_alias(AliasName="alias/mine", TargetKeyId=mine["KeyId"])
    kms.create_alias(AliasName="alias/other", TargetKeyId=other["KeyId"])
    sealed = {name: kms.encrypt(KeyId=name, Plaintext=b"x")["CiphertextBlob"] for name in ("alias/mine", "alias/other")}
    person = team.person(allow(["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:DescribeKey"], mine["Arn"]))
    own: Any = person.boto("kms")
    for name in (mine["KeyId"], mine["Arn"], "alias/mine"):
        assert own.encrypt(KeyId=name, Plaintext=b"x")["KeyId"] == mine["Arn"]
    assert own.decrypt(CiphertextBlob=sealed["alias/mine"])["Plaintext"] == b"x"
    assert own.describe_key(KeyId="alias/mine")["KeyMetadata"]["Arn"] == mine["Arn"]
    for name in (other["KeyId"], other["Arn"], "alias/other"):
        assert is_denied(own.encrypt, KeyId=name, Plaintext=b"x")
    assert is_denied(own.decrypt, CiphertextBlob=sealed["alias/other"])
    assert is_denied(own.re_encrypt, CiphertextBlob=sealed["alias/mine"], DestinationKeyId="alias/other")
    assert is_denied(own.re_encrypt, CiphertextBlob=sealed["alias/other"], DestinationKeyId="alias/mine")


def test_a_denied_key_is_denied_by_every_name(team: Team) -> None:
    kms = team.server.boto("kms")
    key = kms.create_key()["KeyMetadata"]
    kms.create_alias(AliasName="alias/kept", TargetKeyId=key["KeyId"])
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    own: Any = team.person(allow("kms:*"), deny("kms:*", key["Arn"])).boto("kms")
    for name in (key["KeyId"], key["Arn"], "alias/kept", key["Arn"].replace(f"key/{key['KeyId']}", "alias/kept")):
        assert is_denied(own.encrypt, KeyId=name, Plaintext=b"x")
    assert is_denied(own.decrypt, CiphertextBlob=blob)
    assert is_denied(own.create_alias, AliasName="alias/more", TargetKeyId=key["KeyId"])
    assert is_denied(own.delete_alias, AliasName="alias/kept")
    assert kms.list_aliases(KeyId=key["KeyId"])["Aliases"][0]["AliasName"] == "alias/kept"

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


def test_a_grant_gives_its_operations_until_it_is_revoked(team: Team) -> None:
    kms = team.server.boto("kms")
    key, other = (kms.create_key()["KeyMetadata"] for _ in range(2))
    person, stranger = team.person(allow("s3:ListAllMyBuckets")), team.person(allow("s3:ListAllMyBuckets"))
    own: Any = person.boto("kms")
    assert is_denied(own.encrypt, KeyId=key["KeyId"], Plaintext=b"x")
    given = {"KeyId": key["KeyId"], "GranteePrincipal": person.arn, "Operations": ["Encrypt", "Decrypt", "CreateGrant"]}
    grant = kms.create_grant(**given)["GrantId"]
    blob = own.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    assert own.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
    assert is_denied(own.generate_data_key, KeyId=key["KeyId"], KeySpec="AES_256")
    assert is_denied(own.encrypt, KeyId=other["KeyId"], Plaintext=b"x")
    assert is_denied(own.create_grant, **given)
    assert is_denied(stranger.boto("kms").encrypt, KeyId=key["KeyId"], Plaintext=b"x")
    kms.revoke_grant(KeyId=key["KeyId"], GrantId=grant)
    assert is_denied(own.decrypt, CiphertextBlob=blob)


def test_a_constraint_of_a_grant_is_about_the_encryption_context(team: Team) -> None:
    kms = team.server.boto("kms")
    person = team.person(allow("s3:ListAllMyBuckets"))
    own: Any = person.boto("kms")
    for kind, allowed, refused in (
        (
            "EncryptionContextSubset",
            [{"a": "1"}, {"a": "1", "b": "2"}],
            [{"a": "2"}, {"b": "1"}, {}, {"a": "2", "A": "1"}],
        ),
        ("EncryptionContextEquals", [{"a": "1"}], [{"a": "1", "b": "2"}, {"a": "2"}, {}, {"A": "1"}]),
    ):
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        given = {
            "Operations": ["Encrypt", "DescribeKey", "ReEncryptFrom", "ReEncryptTo"],
            "Constraints": {kind: {"a": "1"}},
        }
        kms.create_grant(KeyId=key, GranteePrincipal=person.arn, **given)
        for pairs in allowed:
            own.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext=pairs)
        for pairs in refused:
            assert is_denied(own.encrypt, KeyId=key, Plaintext=b"x", EncryptionContext=pairs), (kind, pairs)
        assert own.describe_key(KeyId=key)["KeyMetadata"]["KeyId"] == key
        blob = kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"a": "1"})["CiphertextBlob"]
        asked = {"SourceEncryptionContext": {"a": "1"}, "DestinationEncryptionContext": {"a": "1"}}
        assert is_denied(own.re_encrypt, CiphertextBlob=blob, DestinationKeyId=key, **asked)


def test_a_deny_is_stronger_than_a_grant(team: Team) -> None:
    kms = team.server.boto("kms")
    key = kms.create_key()["KeyMetadata"]
    person = team.person(deny("kms:*", key["Arn"]))
    kms.create_grant(KeyId=key["KeyId"], GranteePrincipal=person.arn, Operations=["Encrypt"])
    assert is_denied(person.boto("kms").encrypt, KeyId=key["KeyId"], Plaintext=b"x")


def test_a_policy_asks_for_the_encryption_context(team: Team) -> None:
    kms = team.server.boto("kms")
    key = kms.create_key()["KeyMetadata"]
    wanted = {"StringEquals": {"kms:EncryptionContext:team": "red"}}
    own: Any = team.person(allow("kms:Encrypt", key["Arn"]) | {"Condition": wanted}).boto("kms")
    own.encrypt(KeyId=key["KeyId"], Plaintext=b"x", EncryptionContext={"team": "red", "more": "y"})
    assert is_denied(own.encrypt, KeyId=key["KeyId"], Plaintext=b"x", EncryptionContext={"team": "blue"})
    assert is_denied(own.encrypt, KeyId=key["KeyId"], Plaintext=b"x")


def test_many_grants_do_not_hide_the_policy(team: Team) -> None:
    """Equal ones count once; those that are too long for one policy are left out, and nothing else."""
    kms = team.server.boto("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    person = team.person(allow("kms:GenerateDataKey"))
    for number in range(50):
        pairs = (
            {"EncryptionContextSubset": {"a": f"{number:02d}" * (2000 if number == 1 else 1000)}} if number else None
        )
        given = {"Operations": ["Decrypt" if number else "Encrypt"], **({"Constraints": pairs} if pairs else {})}
        kms.create_grant(KeyId=key, GranteePrincipal=person.arn, **given)
    own: Any = person.boto("kms")
    own.encrypt(KeyId=key, Plaintext=b"x")
    own.generate_data_key(KeyId=key, KeySpec="AES_256")

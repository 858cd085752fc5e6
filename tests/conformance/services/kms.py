"""KMS."""

from __future__ import annotations

from services.check import check
from services.target import Target, fresh, refusal, refused


def a_key(target: Target) -> str:
    name: str = target.boto("kms").create_key()["KeyMetadata"]["KeyId"]
    return name


@check
def a_new_key_is_enabled_and_symmetric(target: Target) -> None:
    """API CreateKey: KeySpec, KeyUsage, KeyState"""
    told = target.boto("kms").create_key(Description="d")["KeyMetadata"]
    assert (told["KeyState"], told["KeySpec"], told["KeyUsage"]) == ("Enabled", "SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT")
    assert (told["Arn"], told["Description"]) == (target.arn("kms", f"key/{told['KeyId']}"), "d")


@check
def what_is_encrypted_can_be_decrypted(target: Target) -> None:
    """API Encrypt, API Decrypt: EncryptionContext; InvalidCiphertextException"""
    kms, key = target.boto("kms"), a_key(target)
    blob = kms.encrypt(KeyId=key, Plaintext=b"secret", EncryptionContext={"a": "b"})["CiphertextBlob"]
    assert b"secret" not in blob
    assert kms.decrypt(CiphertextBlob=blob, EncryptionContext={"a": "b"})["Plaintext"] == b"secret"
    assert refused(kms.decrypt, CiphertextBlob=blob) == ("InvalidCiphertextException", 400)


@check
def bytes_are_not_shown(target: Target) -> None:
    """API Encrypt: Plaintext: 1 to 4096; moto test_kms_encrypt, verified against AWS"""
    kms, key = target.boto("kms"), a_key(target)
    for size, bound in ((0, "greater than or equal to 1"), (4097, "less than or equal to 4096")):
        found = refusal(kms.encrypt, KeyId=key, Plaintext=b"a" * size)
        told = f"Value at 'plaintext' failed to satisfy constraint: Member must have length {bound}"
        assert (found.code, found.message) == ("ValidationException", f"1 validation error detected: {told}")


@check
def a_data_key_comes_plain_and_encrypted(target: Target) -> None:
    """API GenerateDataKey: Plaintext, CiphertextBlob"""
    kms = target.boto("kms")
    told = kms.generate_data_key(KeyId=a_key(target), KeySpec="AES_256")
    assert len(told["Plaintext"]) == 32
    assert kms.decrypt(CiphertextBlob=told["CiphertextBlob"])["Plaintext"] == told["Plaintext"]


@check
def an_alias_names_a_key(target: Target) -> None:
    """API CreateAlias; AlreadyExistsException"""
    kms, key, alias = target.boto("kms"), a_key(target), f"alias/{fresh()}"
    kms.create_alias(AliasName=alias, TargetKeyId=key)
    assert kms.describe_key(KeyId=alias)["KeyMetadata"]["KeyId"] == key
    assert refused(kms.create_alias, AliasName=alias, TargetKeyId=key) == ("AlreadyExistsException", 400)


@check
def a_key_that_is_not_there_is_not_found(target: Target) -> None:
    """API DescribeKey: NotFoundException"""
    kms = target.boto("kms")
    assert refused(kms.describe_key, KeyId="1b0f5a6e-3b1c-4a37-9c5e-5d9d3c2f4a11") == ("NotFoundException", 400)
    assert refused(kms.describe_key, KeyId=f"alias/{fresh()}") == ("NotFoundException", 400)


@check
def a_disabled_key_does_nothing(target: Target) -> None:
    """API Encrypt: DisabledException"""
    kms, key = target.boto("kms"), a_key(target)
    kms.disable_key(KeyId=key)
    assert refused(kms.encrypt, KeyId=key, Plaintext=b"a") == ("DisabledException", 400)
    kms.enable_key(KeyId=key)
    assert kms.encrypt(KeyId=key, Plaintext=b"a")["CiphertextBlob"]


@check
def a_key_that_waits_for_its_end_does_nothing(target: Target) -> None:
    """API ScheduleKeyDeletion: PendingWindowInDays 7 to 30; KMSInvalidStateException"""
    kms, key = target.boto("kms"), a_key(target)
    assert refused(kms.schedule_key_deletion, KeyId=key, PendingWindowInDays=6)[1] == 400
    told = kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert (told["KeyState"], told["PendingWindowInDays"]) == ("PendingDeletion", 7)
    assert refused(kms.encrypt, KeyId=key, Plaintext=b"a") == ("KMSInvalidStateException", 400)
    kms.cancel_key_deletion(KeyId=key)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Disabled"


@check
def another_key_takes_over(target: Target) -> None:
    """API ReEncrypt: SourceKeyId, KeyId"""
    kms, one, other = target.boto("kms"), a_key(target), a_key(target)
    blob = kms.encrypt(KeyId=one, Plaintext=b"secret")["CiphertextBlob"]
    told = kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=other)
    assert (told["SourceKeyId"], told["KeyId"]) == tuple(target.arn("kms", f"key/{key}") for key in (one, other))
    assert kms.decrypt(CiphertextBlob=told["CiphertextBlob"], KeyId=other)["Plaintext"] == b"secret"


@check
def the_wrong_key_decrypts_nothing(target: Target) -> None:
    """API Decrypt: IncorrectKeyException"""
    kms, one, other = target.boto("kms"), a_key(target), a_key(target)
    blob = kms.encrypt(KeyId=one, Plaintext=b"secret")["CiphertextBlob"]
    assert refused(kms.decrypt, CiphertextBlob=blob, KeyId=other) == ("IncorrectKeyException", 400)


@check
def a_key_has_a_policy_from_the_start(target: Target) -> None:
    """API GetKeyPolicy: default"""
    assert '"kms:*"' in target.boto("kms").get_key_policy(KeyId=a_key(target), PolicyName="default")["Policy"]

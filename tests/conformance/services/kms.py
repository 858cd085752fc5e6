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
    described = target.boto("kms").create_key(Description="d")["KeyMetadata"]
    assert (described["KeyState"], described["KeySpec"], described["KeyUsage"]) == (
        "Enabled",
        "SYMMETRIC_DEFAULT",
        "ENCRYPT_DECRYPT",
    )
    assert (described["Arn"], described["Description"]) == (target.arn("kms", f"key/{described['KeyId']}"), "d")


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
        described = f"Value at 'plaintext' failed to satisfy constraint: Member must have length {bound}"
        assert (found.code, found.message) == ("ValidationException", f"1 validation error detected: {described}")


@check
def a_data_key_comes_plain_and_encrypted(target: Target) -> None:
    """API GenerateDataKey: Plaintext, CiphertextBlob"""
    kms = target.boto("kms")
    described = kms.generate_data_key(KeyId=a_key(target), KeySpec="AES_256")
    assert len(described["Plaintext"]) == 32
    assert kms.decrypt(CiphertextBlob=described["CiphertextBlob"])["Plaintext"] == described["Plaintext"]


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
    described = kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert (described["KeyState"], described["PendingWindowInDays"]) == ("PendingDeletion", 7)
    assert refused(kms.encrypt, KeyId=key, Plaintext=b"a") == ("KMSInvalidStateException", 400)
    kms.cancel_key_deletion(KeyId=key)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Disabled"


@check
def another_key_takes_over(target: Target) -> None:
    """API ReEncrypt: SourceKeyId, KeyId"""
    kms, one, other = target.boto("kms"), a_key(target), a_key(target)
    blob = kms.encrypt(KeyId=one, Plaintext=b"secret")["CiphertextBlob"]
    described = kms.re_encrypt(CiphertextBlob=blob, DestinationKeyId=other)
    assert (described["SourceKeyId"], described["KeyId"]) == tuple(
        target.arn("kms", f"key/{key}") for key in (one, other)
    )
    assert kms.decrypt(CiphertextBlob=described["CiphertextBlob"], KeyId=other)["Plaintext"] == b"secret"


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


@check
def keys_of_each_usage_tell_their_algorithms(target: Target) -> None:
    """API CreateKey: KeySpec, KeyUsage; Recorded on AWS: localstack test_kms::test_hmac_create_key"""
    for spec, usage, member, algorithm in (
        ("HMAC_256", "GENERATE_VERIFY_MAC", "MacAlgorithms", "HMAC_SHA_256"),
        ("ECC_NIST_P384", "SIGN_VERIFY", "SigningAlgorithms", "ECDSA_SHA_384"),
        ("RSA_2048", "ENCRYPT_DECRYPT", "EncryptionAlgorithms", "RSAES_OAEP_SHA_256"),
        ("ECC_NIST_P256", "KEY_AGREEMENT", "KeyAgreementAlgorithms", "ECDH"),
    ):
        described = target.boto("kms").create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]
        assert (described["KeySpec"], described["CustomerMasterKeySpec"], described["KeyUsage"]) == (spec, spec, usage)
        assert algorithm in described[member]
        assert "CurrentKeyMaterialId" not in described


@check
def a_usage_fits_its_spec(target: Target) -> None:
    """Recorded on AWS: localstack test_kms::test_hmac_create_key_invalid_operations, test_derive_shared_secret"""
    create = target.boto("kms").create_key
    found = refusal(create, KeySpec="HMAC_256")
    wanted = "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys."
    assert (found.code, found.message) == ("ValidationException", wanted)
    found = refusal(create, KeySpec="RSA_2048", KeyUsage="KEY_AGREEMENT")
    assert found.message == "KeyUsage KEY_AGREEMENT is not compatible with KeySpec RSA_2048"


@check
def what_is_signed_is_verified(target: Target) -> None:
    """Recorded on AWS: localstack test_kms::test_sign_verify"""
    kms = target.boto("kms")
    key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    named = {"KeyId": key, "SigningAlgorithm": "ECDSA_SHA_256"}
    signature = kms.sign(Message=b"m", **named)["Signature"]
    described = kms.verify(Message=b"m", Signature=signature, **named)
    assert (described["SignatureValid"], described["KeyId"]) == (True, key)
    assert refused(kms.verify, Message=b"n", Signature=signature, **named) == ("KMSInvalidSignatureException", 400)
    found = refusal(kms.sign, Message=b"m", MessageType="DIGEST", **named)
    assert found.message == "Digest is invalid length for algorithm ECDSA_SHA_256."


@check
def the_public_half_is_told(target: Target) -> None:
    """API GetPublicKey: PublicKey, SigningAlgorithms"""
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    kms = target.boto("kms")
    key = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    described = kms.get_public_key(KeyId=key)
    assert load_der_public_key(described["PublicKey"]).key_size == 2048
    assert "RSASSA_PSS_SHA_256" in described["SigningAlgorithms"]


@check
def a_mac_is_verified(target: Target) -> None:
    """Recorded on AWS: localstack test_kms::test_generate_and_verify_mac, test_invalid_generate_mac, test_invalid_verify_mac"""
    kms = target.boto("kms")
    key = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["KeyId"]
    named = {"KeyId": key, "MacAlgorithm": "HMAC_SHA_256"}
    mac = kms.generate_mac(Message=b"m", **named)["Mac"]
    assert kms.verify_mac(Message=b"m", Mac=mac, **named)["MacValid"]
    found = refusal(kms.verify_mac, Message=b"n", Mac=mac, **named)
    assert (found.code, found.message, found.status) == ("KMSInvalidMacException", "", 400)
    found = refusal(kms.generate_mac, KeyId=key, MacAlgorithm="HMAC_SHA_512", Message=b"m")
    assert found.message == "Algorithm HMAC_SHA_512 is incompatible with key spec HMAC_256."


@check
def a_key_is_used_for_its_usage_alone(target: Target) -> None:
    """Recorded on AWS: localstack test_kms::test_error_messaging_for_invalid_keys"""
    kms = target.boto("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    found = refusal(kms.generate_mac, KeyId=key, Message=b"m", MacAlgorithm="HMAC_SHA_224")
    wanted = f"{key} key usage is ENCRYPT_DECRYPT which is not valid for GenerateMac."
    assert (found.code, found.message) == ("InvalidKeyUsageException", wanted)
    blob = kms.encrypt(KeyId=key, Plaintext=b"m")["CiphertextBlob"]
    mac = kms.create_key(KeySpec="HMAC_224", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["KeyId"]
    assert refused(kms.decrypt, CiphertextBlob=blob, KeyId=mac) == ("IncorrectKeyException", 400)


@check
def a_key_of_rsa_takes_so_many_bytes(target: Target) -> None:
    """Recorded on AWS: localstack test_kms::test_encrypt_validate_plaintext_size_per_key_type"""
    kms = target.boto("kms")
    key = kms.create_key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")["KeyMetadata"]["KeyId"]
    asked = {"KeyId": key, "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
    found = refusal(kms.encrypt, Plaintext=b"x" * 191, **asked)
    wanted = "Algorithm RSAES_OAEP_SHA_256 and key spec RSA_2048 cannot encrypt data larger than 190 bytes."
    assert (found.code, found.message) == ("ValidationException", wanted)
    blob = kms.encrypt(Plaintext=b"x" * 190, **asked)["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=blob, **asked)["Plaintext"] == b"x" * 190


@check
def a_pair_of_data_keys_comes_plain_and_encrypted(target: Target) -> None:
    """API GenerateDataKeyPair; Recorded on AWS: localstack test_kms::test_generate_data_key_pair_dry_run"""
    kms, key = target.boto("kms"), a_key(target)
    described = kms.generate_data_key_pair(KeyId=key, KeyPairSpec="ECC_NIST_P256")
    assert (
        kms.decrypt(CiphertextBlob=described["PrivateKeyCiphertextBlob"])["Plaintext"]
        == described["PrivateKeyPlaintext"]
    )
    asked = {"KeyId": key, "KeyPairSpec": "RSA_2048", "DryRun": True}
    assert refused(kms.generate_data_key_pair, **asked) == ("DryRunOperationException", 400)


@check
def two_pairs_share_a_secret(target: Target) -> None:
    """API DeriveSharedSecret; Recorded on AWS: localstack test_kms::test_derive_shared_secret"""
    kms = target.boto("kms")
    keys = [kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT")["KeyMetadata"]["KeyId"] for _ in "ab"]
    secrets = {
        kms.derive_shared_secret(
            KeyId=key, KeyAgreementAlgorithm="ECDH", PublicKey=kms.get_public_key(KeyId=other)["PublicKey"]
        )["SharedSecret"]
        for key, other in (keys, keys[::-1])
    }
    assert len(secrets) == 1


@check
def rotation_keeps_what_was_encrypted(target: Target) -> None:
    """API RotateKeyOnDemand, API ListKeyRotations; Recorded on AWS: localstack test_kms::test_key_rotations_limits"""
    kms, key = target.boto("kms"), a_key(target)
    blob = kms.encrypt(KeyId=key, Plaintext=b"m")["CiphertextBlob"]
    assert kms.rotate_key_on_demand(KeyId=key)["KeyId"] == target.arn("kms", f"key/{key}")
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"m"
    (rotation,) = kms.list_key_rotations(KeyId=key)["Rotations"]
    assert rotation["RotationType"] == "ON_DEMAND"


@check
def a_key_that_rotates_tells_when(target: Target) -> None:
    """Recorded on AWS: localstack test_kms::test_key_enable_rotation_status, test_key_rotation_status"""
    kms, key = target.boto("kms"), a_key(target)
    assert not kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
    described = kms.get_key_rotation_status(KeyId=key)
    assert (described["KeyRotationEnabled"], described["RotationPeriodInDays"]) == (True, 90)
    assert "NextRotationDate" in described
    kms.disable_key_rotation(KeyId=key)
    assert "NextRotationDate" not in kms.get_key_rotation_status(KeyId=key)


@check
def asymmetric_keys_do_not_rotate(target: Target) -> None:
    """Recorded on AWS: localstack test_kms::test_rotate_key_on_demand_raises_error_given_non_symmetric_key, ..._is_disabled"""
    kms = target.boto("kms")
    key = kms.create_key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")["KeyMetadata"]["Arn"]
    assert refused(kms.rotate_key_on_demand, KeyId=key) == ("UnsupportedOperationException", 400)
    kms.disable_key(KeyId=key)
    found = refusal(kms.rotate_key_on_demand, KeyId=key)
    assert (found.code, found.message) == ("DisabledException", f"{key} is disabled.")


@check
def a_grant_is_told_until_it_is_retired(target: Target) -> None:
    """Recorded on AWS: localstack test_kms::test_create_grant_with_valid_key, test_retire_grant_with_grant_token"""
    kms, key = target.boto("kms"), a_key(target)
    grant = kms.create_grant(KeyId=key, GranteePrincipal=target.role, Operations=["Encrypt"])
    (described,) = kms.list_grants(KeyId=key)["Grants"]
    assert (described["GrantId"], described["Operations"]) == (grant["GrantId"], ["Encrypt"])
    kms.retire_grant(GrantToken=grant["GrantToken"])
    assert kms.list_grants(KeyId=key)["Grants"] == []


@check
def imported_material_is_good_until_it_is_deleted(target: Target) -> None:
    """Recorded on AWS: localstack test_kms::test_import_key_symmetric"""
    from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    kms = target.boto("kms")
    key = kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["Arn"]
    found = refusal(kms.encrypt, KeyId=key, Plaintext=b"m")
    assert (found.code, found.message) == ("KMSInvalidStateException", f"{key} is pending import.")
    wrapping = {"WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}
    asked = kms.get_parameters_for_import(KeyId=key, **wrapping)
    wrapped = load_der_public_key(asked["PublicKey"]).encrypt(bytes(32), OAEP(MGF1(SHA256()), SHA256(), None))
    request = {"KeyId": key, "ImportToken": asked["ImportToken"], "EncryptedKeyMaterial": wrapped}
    found = refusal(kms.import_key_material, **request)
    assert found.message == "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES"
    kms.import_key_material(**request, ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE")
    blob = kms.encrypt(KeyId=key, Plaintext=b"m")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"m"
    kms.delete_imported_key_material(KeyId=key)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingImport"


@check
def other_keys_take_no_import(target: Target) -> None:
    """Recorded on AWS: localstack test_kms::test_get_parameters_for_import_raises_for_non_external_kms_keys"""
    kms = target.boto("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    wrapping = {"WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}
    found = refusal(kms.get_parameters_for_import, KeyId=key, **wrapping)
    assert found.message == f"{key} origin is AWS_KMS which is not valid for this operation."


@check
def a_key_of_several_regions_is_a_primary_first(target: Target) -> None:
    """Recorded on AWS: localstack test_kms::test_create_multi_region_key"""
    described = target.boto("kms").create_key(MultiRegion=True)["KeyMetadata"]
    assert described["KeyId"].startswith("mrk-")
    assert described["MultiRegionConfiguration"]["MultiRegionKeyType"] == "PRIMARY"
    assert described["MultiRegionConfiguration"]["ReplicaKeys"] == []

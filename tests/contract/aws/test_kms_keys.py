"""Keys of KMS of every kind, driven by boto3: signatures, MACs, RSA, shared secrets, imports, rotation, grants."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)

if TYPE_CHECKING:
    from conftest import RunningServer

FOREVER = {"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
ROLE = "arn:aws:iam::000000000000:role/SageMakerExecutionRole"
OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


@pytest.fixture(scope="module")
def kms(server: RunningServer) -> Any:
    return server.boto("kms")


def made(kms: Any, **asked: Any) -> str:
    key_id: str = kms.create_key(**asked)["KeyMetadata"]["KeyId"]
    return key_id


def fault(call: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**request)
    code: str = caught.value.response["Error"]["Code"]
    return code


def checked(public: Any, algorithm: str, signature: bytes, message: bytes) -> None:
    """Raises InvalidSignature: another program than the server checks the signature."""
    digest = getattr(hashes, f"SHA{algorithm[-3:]}")()
    if algorithm.startswith("ECDSA"):
        public.verify(signature, message, ec.ECDSA(digest))
    elif "PSS" in algorithm:
        public.verify(signature, message, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
    else:
        public.verify(signature, message, padding.PKCS1v15(), digest)


@pytest.mark.parametrize("spec", ["RSA_2048", "ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521", "ECC_SECG_P256K1"])
def test_signatures(kms: Any, spec: str) -> None:
    key = made(kms, KeySpec=spec, KeyUsage="SIGN_VERIFY")
    described = kms.get_public_key(KeyId=key)
    public = load_der_public_key(described["PublicKey"])
    assert (described["KeySpec"], described["KeyUsage"]) == (spec, "SIGN_VERIFY")
    assert described["SigningAlgorithms"] == kms.describe_key(KeyId=key)["KeyMetadata"]["SigningAlgorithms"]
    for algorithm in described["SigningAlgorithms"]:
        digest = hashes.Hash(getattr(hashes, f"SHA{algorithm[-3:]}")())
        digest.update(b"message")
        named = {"KeyId": key, "SigningAlgorithm": algorithm}
        for kind, message in (("RAW", b"message"), ("DIGEST", digest.finalize())):
            signature = kms.sign(Message=message, MessageType=kind, **named)["Signature"]
            checked(public, algorithm, signature, b"message")
            assert kms.verify(Message=message, MessageType=kind, Signature=signature, **named)["SignatureValid"]
        wrong = {**named, "Message": b"another", "Signature": signature}
        assert fault(kms.verify, **wrong) == "KMSInvalidSignatureException"
        assert fault(kms.sign, Message=b"short", MessageType="DIGEST", **named) == "ValidationException"
    assert fault(kms.encrypt, KeyId=key, Plaintext=b"x") == "InvalidKeyUsageException"
    assert fault(kms.rotate_key_on_demand, KeyId=key) == "UnsupportedOperationException"


def test_a_key_of_rsa_decrypts_what_others_encrypt(kms: Any) -> None:
    key = made(kms, KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")
    public: Any = load_der_public_key(kms.get_public_key(KeyId=key)["PublicKey"])
    named = {"KeyId": key, "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
    assert kms.decrypt(CiphertextBlob=public.encrypt(b"secret", OAEP), **named)["Plaintext"] == b"secret"
    assert "KeyMaterialId" not in kms.decrypt(
        CiphertextBlob=kms.encrypt(Plaintext=b"x" * 190, **named)["CiphertextBlob"], **named
    )
    assert fault(kms.encrypt, Plaintext=b"x" * 191, **named) == "ValidationException"
    assert fault(kms.decrypt, CiphertextBlob=bytes(256), **named) == "InvalidCiphertextException"
    assert fault(kms.encrypt, Plaintext=b"x", EncryptionContext={"a": "b"}, **named) == "ValidationException"
    symmetric = made(kms)
    blob = kms.encrypt(KeyId=symmetric, Plaintext=b"moved")["CiphertextBlob"]
    to = {"DestinationKeyId": key, "DestinationEncryptionAlgorithm": "RSAES_OAEP_SHA_256"}
    moved = kms.re_encrypt(CiphertextBlob=blob, **to)["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=moved, **named)["Plaintext"] == b"moved"
    assert fault(kms.generate_data_key, KeyId=key, KeySpec="AES_256") == "InvalidKeyUsageException"


def test_macs(kms: Any) -> None:
    for bits in (224, 256, 384, 512):
        key, algorithm = made(kms, KeySpec=f"HMAC_{bits}", KeyUsage="GENERATE_VERIFY_MAC"), f"HMAC_SHA_{bits}"
        named = {"KeyId": key, "MacAlgorithm": algorithm}
        mac = kms.generate_mac(Message=b"m", **named)["Mac"]
        assert len(mac) * 8 == bits
        assert kms.verify_mac(Message=b"m", Mac=mac, **named)["MacValid"]
        assert fault(kms.verify_mac, Message=b"n", Mac=mac, **named) == "KMSInvalidMacException"
    assert fault(kms.create_key, KeySpec="HMAC_256") == "ValidationException"
    assert (
        fault(kms.generate_mac, KeyId=made(kms), MacAlgorithm="HMAC_SHA_256", Message=b"m")
        == "InvalidKeyUsageException"
    )


def test_pairs_of_data_keys(kms: Any) -> None:
    key, context = made(kms), {"a": "b"}
    for spec in ("RSA_2048", "ECC_NIST_P384"):
        described = kms.generate_data_key_pair(KeyId=key, KeyPairSpec=spec, EncryptionContext=context)
        private = load_der_private_key(described["PrivateKeyPlaintext"], None)
        assert (
            private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) == described["PublicKey"]
        )
        opened = kms.decrypt(CiphertextBlob=described["PrivateKeyCiphertextBlob"], EncryptionContext=context)
        assert opened["Plaintext"] == described["PrivateKeyPlaintext"]
    hidden = kms.generate_data_key_pair_without_plaintext(KeyId=key, KeyPairSpec="ECC_NIST_P256")
    assert "PrivateKeyPlaintext" not in hidden
    assert fault(kms.generate_data_key_pair, KeyId=key, KeyPairSpec="SM2") == "UnsupportedOperationException"


def test_a_shared_secret(kms: Any) -> None:
    key, mine = made(kms, KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT"), ec.generate_private_key(ec.SECP256R1())
    theirs: Any = load_der_public_key(kms.get_public_key(KeyId=key)["PublicKey"])
    public = mine.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    named = {"KeyId": key, "KeyAgreementAlgorithm": "ECDH"}
    assert kms.derive_shared_secret(PublicKey=public, **named)["SharedSecret"] == mine.exchange(ec.ECDH(), theirs)
    other = ec.generate_private_key(ec.SECP384R1()).public_key()
    for wrong in (b"no key", other.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)):
        assert fault(kms.derive_shared_secret, PublicKey=wrong, **named) == "ValidationException"


def wrapped(kms: Any, key: str, plain: bytes, algorithm: str = "RSAES_OAEP_SHA_256") -> dict[str, Any]:
    """Arguments of ImportKeyMaterial for a material."""
    described = kms.get_parameters_for_import(KeyId=key, WrappingAlgorithm=algorithm, WrappingKeySpec="RSA_2048")
    public: Any = load_der_public_key(described["PublicKey"])
    if algorithm.startswith("RSA_AES"):
        aes = os.urandom(32)
        sealed = public.encrypt(aes, OAEP) + aes_key_wrap_with_padding(aes, plain)
    else:
        sealed = public.encrypt(plain, OAEP)
    return {"KeyId": key, "ImportToken": described["ImportToken"], "EncryptedKeyMaterial": sealed}


def test_material_of_ones_own(kms: Any) -> None:
    key, material = made(kms, KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC", Origin="EXTERNAL"), os.urandom(32)
    named = {"KeyId": key, "MacAlgorithm": "HMAC_SHA_256", "Message": b"m"}
    assert fault(kms.generate_mac, **named) == "KMSInvalidStateException"
    assert (
        fault(kms.import_key_material, **wrapped(kms, key, material[:31]), **FOREVER) == "IncorrectKeyMaterialException"
    )
    assert fault(kms.import_key_material, **wrapped(kms, key, material)) == "ValidationException"
    kms.import_key_material(**wrapped(kms, key, material), **FOREVER)
    mac = hmac.HMAC(material, hashes.SHA256())
    mac.update(b"m")
    assert kms.generate_mac(**named)["Mac"] == mac.finalize()
    kms.delete_imported_key_material(KeyId=key)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingImport"
    assert (
        fault(kms.import_key_material, **wrapped(kms, key, os.urandom(32)), **FOREVER)
        == "IncorrectKeyMaterialException"
    )
    kms.import_key_material(**wrapped(kms, key, material), **FOREVER)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["Enabled"]
    other = made(kms, Origin="EXTERNAL")
    foreign = wrapped(kms, key, material) | {"KeyId": other}
    assert fault(kms.import_key_material, **foreign, **FOREVER) == "InvalidImportTokenException"
    assert fault(kms.get_parameters_for_import, KeyId=made(kms), WrappingAlgorithm="RSAES_OAEP_SHA_256",
                 WrappingKeySpec="RSA_2048") == "UnsupportedOperationException"  # fmt: skip


def test_a_pair_of_ones_own_is_wrapped_by_aes(kms: Any) -> None:
    key, mine = (
        made(kms, KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY", Origin="EXTERNAL"),
        rsa.generate_private_key(65537, 2048),
    )
    plain = mine.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    kms.import_key_material(**wrapped(kms, key, plain, "RSA_AES_KEY_WRAP_SHA_256"), **FOREVER)
    signature = kms.sign(KeyId=key, Message=b"m", SigningAlgorithm="RSASSA_PKCS1_V1_5_SHA_256")["Signature"]
    checked(mine.public_key(), "RSASSA_PKCS1_V1_5_SHA_256", signature, b"m")
    curve = made(kms, KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY", Origin="EXTERNAL")
    broken = wrapped(kms, curve, plain, "RSA_AES_KEY_WRAP_SHA_256")
    assert fault(kms.import_key_material, **broken, **FOREVER) == "IncorrectKeyMaterialException"
    broken["EncryptedKeyMaterial"] = broken["EncryptedKeyMaterial"][:-1]
    assert fault(kms.import_key_material, **broken, **FOREVER) == "InvalidCiphertextException"


def test_rotation_keeps_what_was_encrypted(kms: Any) -> None:
    key = made(kms)
    blobs = [kms.encrypt(KeyId=key, Plaintext=b"0")["CiphertextBlob"]]
    ids = [kms.describe_key(KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"]]
    for number in range(1, 4):
        kms.rotate_key_on_demand(KeyId=key)
        blobs.append(kms.encrypt(KeyId=key, Plaintext=str(number).encode())["CiphertextBlob"])
        ids.append(kms.describe_key(KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"])
    assert len(set(ids)) == 4
    for number, blob in enumerate(blobs):
        described = kms.decrypt(CiphertextBlob=blob)
        assert (described["Plaintext"], described["KeyMaterialId"]) == (str(number).encode(), ids[number])
    everything = kms.list_key_rotations(KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]
    assert [one["KeyMaterialId"] for one in everything] == ids[::-1]
    assert [one["KeyMaterialState"] for one in everything] == ["CURRENT", *["NON_CURRENT"] * 3]
    page = kms.list_key_rotations(KeyId=key, Limit=2)
    rest = kms.list_key_rotations(KeyId=key, Limit=2, Marker=page["NextMarker"])
    assert [one["KeyMaterialId"] for one in page["Rotations"] + rest["Rotations"]] == ids[:0:-1]
    for _ in range(22):
        kms.rotate_key_on_demand(KeyId=key)
    assert fault(kms.rotate_key_on_demand, KeyId=key) == "LimitExceededException"


def test_imported_material_is_rotated(kms: Any) -> None:
    key = made(kms, Origin="EXTERNAL")
    first = kms.import_key_material(**wrapped(kms, key, os.urandom(32)), **FOREVER)["KeyMaterialId"]
    blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    assert fault(kms.rotate_key_on_demand, KeyId=key) == "KMSInvalidStateException"
    new = {"ImportType": "NEW_KEY_MATERIAL", **FOREVER}
    second = kms.import_key_material(**wrapped(kms, key, os.urandom(32)), **new)["KeyMaterialId"]
    assert fault(kms.import_key_material, **wrapped(kms, key, os.urandom(32)), **new) == "KMSInvalidStateException"
    kms.rotate_key_on_demand(KeyId=key)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["CurrentKeyMaterialId"] == second
    assert kms.decrypt(CiphertextBlob=blob)["KeyMaterialId"] == first
    assert fault(kms.enable_key_rotation, KeyId=key) == "UnsupportedOperationException"
    kms.delete_imported_key_material(KeyId=key, KeyMaterialId=first)
    assert fault(kms.encrypt, KeyId=key, Plaintext=b"x") == "KMSInvalidStateException"


def test_grants(kms: Any) -> None:
    key, other = made(kms), made(kms)
    asked = {"KeyId": key, "GranteePrincipal": ROLE, "RetiringPrincipal": ROLE, "Operations": ["Encrypt", "Decrypt"]}
    grant = kms.create_grant(**asked, Name="n")
    again = kms.create_grant(**asked, Name="n")
    assert again["GrantId"] == grant["GrantId"]
    assert again["GrantToken"] != grant["GrantToken"]
    (described,) = kms.list_grants(KeyId=key)["Grants"]
    assert (described["Name"], described["Operations"]) == ("n", ["Encrypt", "Decrypt"])
    assert described["KeyId"].endswith(f"key/{key}")
    assert kms.list_grants(KeyId=other)["Grants"] == []
    assert grant["GrantId"] in {one["GrantId"] for one in kms.list_retirable_grants(RetiringPrincipal=ROLE)["Grants"]}
    kms.encrypt(KeyId=key, Plaintext=b"x", GrantTokens=[again["GrantToken"]])
    changed = again["GrantToken"][:-2] + ("A" if again["GrantToken"][-2] != "A" else "B") + again["GrantToken"][-1]
    assert fault(kms.encrypt, KeyId=key, Plaintext=b"x", GrantTokens=[changed]) == "InvalidGrantTokenException"
    assert fault(kms.create_grant, **{**asked, "Operations": ["Sign"]}) == "ValidationException"
    assert fault(kms.revoke_grant, KeyId=other, GrantId=grant["GrantId"]) == "NotFoundException"
    kms.retire_grant(GrantToken=grant["GrantToken"])
    assert kms.list_grants(KeyId=key)["Grants"] == []
    assert (
        fault(kms.encrypt, KeyId=key, Plaintext=b"x", GrantTokens=[again["GrantToken"]]) == "InvalidGrantTokenException"
    )


def test_a_key_of_several_regions_is_the_primary_of_its_one(kms: Any) -> None:
    described = kms.create_key(MultiRegion=True)["KeyMetadata"]
    assert described["KeyId"].startswith("mrk-")
    primary = {"Arn": described["Arn"], "Region": "us-east-1"}
    assert described["MultiRegionConfiguration"] == {
        "MultiRegionKeyType": "PRIMARY",
        "PrimaryKey": primary,
        "ReplicaKeys": [],
    }
    blob = kms.encrypt(KeyId=described["Arn"], Plaintext=b"x")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=blob)["KeyId"] == described["Arn"]

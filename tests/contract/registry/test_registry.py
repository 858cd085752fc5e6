"""The registry as OCI's distribution specification wants it, request by request, and ECR's operations on what it holds."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from sagewright.model.aws.registry_tokens import make_password

if TYPE_CHECKING:
    from conftest import RunningServer

OCI = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        return str(json.loads(self.body)["errors"][0]["code"])


@dataclass(frozen=True)
class Client:
    """Requests of one repository, with ECR's token or another user and password."""

    address: str
    name: str
    basic: str

    def __call__(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        place = path if path.startswith("/") else f"/v2/{self.name}/{path}"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection(self.address, timeout=30)
        connection.request(method, place, body, {"Authorization": f"Basic {self.basic}", **named})
        answer = connection.getresponse()
        got = Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        connection.close()
        return got

    def put_blob(self, data: bytes) -> str:
        place = self("POST", "blobs/uploads/").headers["location"]
        assert self("PUT", f"{place}?digest={digest_of(data)}", data).status == 201
        return digest_of(data)

    def put_image(self, tag: str, *layers: bytes) -> str:
        manifest = self.manifest(*layers)
        answer = self("PUT", f"manifests/{tag}", manifest, Content_Type=OCI)
        assert answer.status == 201, answer
        return answer.headers["docker-content-digest"]

    def manifest(self, *layers: bytes) -> bytes:
        parts = [{"digest": self.put_blob(data), "size": len(data), "mediaType": "x"} for data in (b"{}", *layers)]
        return json.dumps({"schemaVersion": 2, "mediaType": OCI, "config": parts[0], "layers": parts[1:]}).encode()


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    ecr, name = server.boto("ecr"), f"r/{uuid.uuid4().hex}"
    ecr.create_repository(repositoryName=name)
    (auth,) = ecr.get_authorization_token()["authorizationData"]
    yield Client(auth["proxyEndpoint"].removeprefix("http://"), name, auth["authorizationToken"])
    ecr.delete_repository(repositoryName=name, force=True)


def test_a_layer_in_chunks(client: Client) -> None:
    began = client("POST", "blobs/uploads/")
    assert (began.status, began.headers["range"]) == (202, "0-0")
    place = began.headers["location"]
    data = bytes(range(256)) * 8000
    first = client("PATCH", place, data[:1_500_000], Content_Range="0-1499999")
    assert (first.status, first.headers["range"]) == (202, "0-1499999")
    assert client("GET", place).headers["range"] == "0-1499999"
    wrong = client("PATCH", place, b"x", Content_Range="7-7")
    assert (wrong.status, wrong.headers["range"]) == (416, "0-1499999")
    client("PATCH", place, data[1_500_000:], Content_Range=f"1500000-{len(data) - 1}")
    assert client("PUT", f"{place}?digest={digest_of(data)}").status == 201

    head = client("HEAD", f"blobs/{digest_of(data)}")
    assert (head.status, head.headers["content-length"]) == (200, str(len(data)))
    assert client("GET", f"blobs/{digest_of(data)}").body == data
    part = client("GET", f"blobs/{digest_of(data)}", Range="bytes=10-19")
    assert (part.status, part.body) == (206, data[10:20])


def test_what_is_refused(client: Client) -> None:
    place = client("POST", "blobs/uploads/").headers["location"]
    wrong = client("PUT", f"{place}?digest={digest_of(b'other')}", b"data")
    assert (wrong.status, wrong.code) == (400, "DIGEST_INVALID")
    assert client("PUT", f"{place}?digest={digest_of(b'data')}", b"data").code == "BLOB_UPLOAD_UNKNOWN"
    assert client("GET", f"blobs/{digest_of(b'none' * 9)}").code == "BLOB_UNKNOWN"
    assert client("GET", "blobs/sha256:../../x").status in {400, 405}
    assert client("GET", "manifests/none").code == "MANIFEST_UNKNOWN"
    assert client("PUT", "manifests/tag", b"no json", Content_Type=OCI).code == "MANIFEST_INVALID"
    absent = {"digest": digest_of(b"never sent"), "size": 1}
    lacking = json.dumps({"schemaVersion": 2, "config": absent, "layers": []}).encode()
    answer = client("PUT", "manifests/tag", lacking, Content_Type=OCI)
    assert (answer.status, answer.code) == (404, "MANIFEST_BLOB_UNKNOWN")
    assert client("GET", "/v2/no/such/repository/tags/list").code == "NAME_UNKNOWN"
    assert (
        client("PUT", f"manifests/{digest_of(b'x')}", client.manifest(b"layer"), Content_Type=OCI).code
        == "DIGEST_INVALID"
    )


def test_who_may_come(server: RunningServer, client: Client) -> None:
    user, secret = server.key()
    assert client("GET", "/v2/").status == 200
    for password in ("", "x", secret, make_password(user, secret, 1), make_password(user, "other", 1 << 50)):
        basic = base64.b64encode(f"AWS:{password}".encode()).decode()
        refused = Client(client.address, client.name, basic)("GET", "/v2/")
        assert refused.status == 401
        assert refused.headers["www-authenticate"].startswith("Basic ")


def test_tags_and_deletion(server: RunningServer, client: Client) -> None:
    first, second = client.put_image("a", b"one"), client.put_image("b", b"two")
    for tag in ("c", "d"):
        client.put_image(tag, b"two")
    page = client("GET", "tags/list?n=3")
    assert json.loads(page.body) == {"name": client.name, "tags": ["a", "b", "c"]}
    assert "last=c" in page.headers["link"]
    assert json.loads(client("GET", "tags/list?n=3&last=c").body)["tags"] == ["d"]
    assert client("DELETE", "manifests/d").status == 202
    assert client("DELETE", f"manifests/{first}").status == 202
    assert client("HEAD", "manifests/a").status == 404

    ecr = server.boto("ecr")
    images = ecr.list_images(repositoryName=client.name)["imageIds"]
    assert images == [{"imageDigest": second, "imageTag": tag} for tag in ("b", "c")]
    done = ecr.batch_delete_image(repositoryName=client.name, imageIds=[{"imageTag": "b"}, {"imageTag": "none"}])
    assert done["imageIds"] == [{"imageDigest": second, "imageTag": "b"}]
    assert [fault["failureCode"] for fault in done["failures"]] == ["ImageNotFound"]
    assert client("HEAD", "manifests/c").status == 200


def test_a_list_of_images_holds_its_members(server: RunningServer, client: Client) -> None:
    digest = client.put_image("one", b"layer")
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [{"digest": digest}]}).encode()
    assert client("PUT", "manifests/all", index, Content_Type=INDEX).status == 201
    assert client("GET", "manifests/all").headers["content-type"] == INDEX
    assert client("DELETE", f"manifests/{digest}").code == "DENIED"

    done = server.boto("ecr").batch_delete_image(repositoryName=client.name, imageIds=[{"imageDigest": digest}])
    assert [fault["failureCode"] for fault in done["failures"]] == ["ImageReferencedByManifestList"]


def fault(call: Any, **request: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**request)
    return str(caught.value.response["Error"]["Code"])


def test_ecrs_own_way_to_push(server: RunningServer, client: Client) -> None:
    ecr, name = server.boto("ecr"), client.name
    for data in (b"config", b"layer"):
        upload = ecr.initiate_layer_upload(repositoryName=name)["uploadId"]
        part = {"partFirstByte": 0, "partLastByte": len(data) - 1, "layerPartBlob": data}
        ecr.upload_layer_part(repositoryName=name, uploadId=upload, **part)
        ecr.complete_layer_upload(repositoryName=name, uploadId=upload, layerDigests=[digest_of(data)])
    parts = [{"digest": digest_of(data), "size": 1, "mediaType": "x"} for data in (b"config", b"layer")]
    manifest = json.dumps({"schemaVersion": 2, "mediaType": OCI, "config": parts[0], "layers": parts[1:]})
    put = {"repositoryName": name, "imageManifest": manifest, "imageTag": "v1"}
    assert ecr.put_image(**put)["image"]["imageId"]["imageDigest"] == digest_of(manifest.encode())
    assert fault(ecr.put_image, **put) == "ImageAlreadyExistsException"
    again = ecr.initiate_layer_upload(repositoryName=name)["uploadId"]
    ecr.upload_layer_part(repositoryName=name, uploadId=again, partFirstByte=0, partLastByte=4, layerPartBlob=b"layer")
    done = {"repositoryName": name, "uploadId": again, "layerDigests": [digest_of(b"layer")]}
    assert fault(ecr.complete_layer_upload, **done) == "LayerAlreadyExistsException"
    assert client("GET", "manifests/v1").body == manifest.encode()
    ecr.put_image_tag_mutability(repositoryName=name, imageTagMutability="IMMUTABLE")
    other = {**put, "imageManifest": manifest.replace(": 2", ":2")}
    assert fault(ecr.put_image, **other) == "ImageTagAlreadyExistsException"


def test_policies_tags_and_errors(server: RunningServer, client: Client) -> None:
    ecr, name = server.boto("ecr"), client.name
    assert fault(ecr.create_repository, repositoryName=name) == "RepositoryAlreadyExistsException"
    assert fault(ecr.list_images, repositoryName="none") == "RepositoryNotFoundException"
    assert fault(ecr.get_repository_policy, repositoryName=name) == "RepositoryPolicyNotFoundException"
    assert fault(ecr.set_repository_policy, repositoryName=name, policyText="{") == "InvalidParameterException"
    ecr.set_repository_policy(repositoryName=name, policyText="{}")
    assert ecr.get_repository_policy(repositoryName=name)["policyText"] == "{}"
    assert ecr.delete_repository_policy(repositoryName=name)["policyText"] == "{}"
    rules = json.dumps({"rules": [{"rulePriority": 1, "description": "x" * 80, "selection": {}}]})
    ecr.put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=rules)
    assert ecr.get_lifecycle_policy(repositoryName=name)["lifecyclePolicyText"] == rules
    ecr.delete_lifecycle_policy(repositoryName=name)
    assert fault(ecr.get_lifecycle_policy, repositoryName=name) == "LifecyclePolicyNotFoundException"
    arn = ecr.describe_repositories(repositoryNames=[name])["repositories"][0]["repositoryArn"]
    ecr.tag_resource(resourceArn=arn, tags=[{"Key": "team", "Value": "ml"}, {"Key": "x", "Value": "y"}])
    ecr.untag_resource(resourceArn=arn, tagKeys=["x"])
    assert ecr.list_tags_for_resource(resourceArn=arn)["tags"] == [{"Key": "team", "Value": "ml"}]
    assert fault(ecr.start_image_scan, repositoryName=name, imageId={"imageTag": "x"}) == "UnknownOperationException"


def test_repositories_and_images_in_pages(server: RunningServer, client: Client) -> None:
    ecr = server.boto("ecr")
    for number in range(3):
        client.put_image(f"t{number}", f"layer {number}".encode())
    pages = list(
        ecr.get_paginator("describe_images").paginate(repositoryName=client.name, PaginationConfig={"PageSize": 2})
    )
    assert [len(page["imageDetails"]) for page in pages] == [2, 1]
    assert fault(ecr.list_images, repositoryName=client.name, nextToken="x") == "InvalidParameterException"
    found = ecr.get_paginator("describe_repositories").paginate(PaginationConfig={"PageSize": 1}).build_full_result()
    assert client.name in [repository["repositoryName"] for repository in found["repositories"]]


def test_keys_that_begin_like_the_registry_stay_s3s(server: RunningServer) -> None:
    s3 = server.boto("s3")
    s3.create_bucket(Bucket="like-a-registry")
    s3.put_object(Bucket="like-a-registry", Key="v2/key", Body=b"x")
    port = server.endpoint.rpartition(":")[2]
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=30)
    connection.request("GET", "/v2/key", headers={"Host": f"like-a-registry.localhost:{port}"})

    body = connection.getresponse().read()
    connection.close()
    assert b"AccessDenied" in body

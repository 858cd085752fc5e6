"""ECR."""

from __future__ import annotations

import base64
import hashlib
import json

from services.check import check
from services.target import Target, fresh, refusal, refused

GONE = ("RepositoryNotFoundException", 400)


def a_repository(target: Target) -> str:
    name = fresh()
    target.boto("ecr").create_repository(repositoryName=name)
    return name


def put(target: Target, repository: str, tag: str, text: str = "{}") -> str:
    """An image of one blob, pushed as Docker does but through the API; gives its digest."""
    ecr, blob = target.boto("ecr"), text.encode()
    upload = ecr.initiate_layer_upload(repositoryName=repository)["uploadId"]
    ecr.upload_layer_part(
        repositoryName=repository, uploadId=upload, partFirstByte=0, partLastByte=len(blob) - 1, layerPartBlob=blob
    )
    digest = f"sha256:{hashlib.sha256(blob).hexdigest()}"
    ecr.complete_layer_upload(repositoryName=repository, uploadId=upload, layerDigests=[digest])
    config = {"mediaType": "application/vnd.docker.container.image.v1+json", "size": len(blob), "digest": digest}
    manifest = {
        "schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": config, "layers": [],
    }  # fmt: skip
    return push(target, repository, tag, json.dumps(manifest))


def push(target: Target, repository: str, tag: str, manifest: str) -> str:
    described = target.boto("ecr").put_image(repositoryName=repository, imageManifest=manifest, imageTag=tag)
    digest: str = described["image"]["imageId"]["imageDigest"]
    return digest


@check
def a_repository_has_an_address(target: Target) -> None:
    """API CreateRepository: repositoryUri; RepositoryAlreadyExistsException"""
    ecr, name = target.boto("ecr"), fresh()
    described = ecr.create_repository(repositoryName=name)["repository"]
    assert described["repositoryUri"] == f"{target.account}.dkr.ecr.us-east-1.amazonaws.com/{name}"
    assert (described["imageTagMutability"], described["repositoryArn"]) == (
        "MUTABLE",
        target.arn("ecr", f"repository/{name}"),
    )
    assert refused(ecr.create_repository, repositoryName=name) == ("RepositoryAlreadyExistsException", 400)


@check
def a_repository_that_is_not_there_is_not_found(target: Target) -> None:
    """API DescribeRepositories: RepositoryNotFoundException"""
    name = fresh()
    found = refusal(target.boto("ecr").describe_repositories, repositoryNames=[name])
    assert (found.code, found.status) == GONE
    account = target.account
    wanted = f"The repository with name '{name}' does not exist in the registry with id '{account}'"
    assert found.message == wanted


@check
def a_name_has_small_letters(target: Target) -> None:
    """API CreateRepository: repositoryName: pattern; InvalidParameterException"""
    assert refused(target.boto("ecr").create_repository, repositoryName="Upper") == ("InvalidParameterException", 400)


@check
def a_token_is_for_docker_login(target: Target) -> None:
    """API GetAuthorizationToken: base64 of user:password; the user is AWS"""
    (described,) = target.boto("ecr").get_authorization_token()["authorizationData"]
    assert base64.b64decode(described["authorizationToken"]).startswith(b"AWS:")
    assert described["proxyEndpoint"]
    assert described["expiresAt"]


@check
def an_image_is_told_by_its_digest(target: Target) -> None:
    """API PutImage, API BatchGetImage: imageDigest: sha256 of the manifest"""
    repository = a_repository(target)
    digest = put(target, repository, "1")
    described = target.boto("ecr").batch_get_image(repositoryName=repository, imageIds=[{"imageTag": "1"}])
    (image,) = described["images"]
    assert image["imageId"] == {"imageTag": "1", "imageDigest": digest}
    assert digest == f"sha256:{hashlib.sha256(image['imageManifest'].encode()).hexdigest()}"
    assert described["failures"] == []


@check
def an_image_that_is_not_there_is_a_failure(target: Target) -> None:
    """API BatchGetImage: failures: ImageNotFound; API DescribeImages: ImageNotFoundException"""
    ecr, repository = target.boto("ecr"), a_repository(target)
    (failure,) = ecr.batch_get_image(repositoryName=repository, imageIds=[{"imageTag": "no"}])["failures"]
    assert (failure["failureCode"], failure["imageId"]) == ("ImageNotFound", {"imageTag": "no"})
    found = refused(ecr.describe_images, repositoryName=repository, imageIds=[{"imageTag": "no"}])
    assert found == ("ImageNotFoundException", 400)


@check
def the_same_image_twice_already_exists(target: Target) -> None:
    """API PutImage: ImageAlreadyExistsException"""
    ecr, repository = target.boto("ecr"), a_repository(target)
    put(target, repository, "1")
    (image,) = ecr.batch_get_image(repositoryName=repository, imageIds=[{"imageTag": "1"}])["images"]
    wanted = {"repositoryName": repository, "imageManifest": image["imageManifest"], "imageTag": "1"}
    assert refused(ecr.put_image, **wanted) == ("ImageAlreadyExistsException", 400)


@check
def a_tag_that_may_not_move_stays(target: Target) -> None:
    """API PutImageTagMutability: IMMUTABLE; API PutImage: ImageTagAlreadyExistsException"""
    ecr, repository = target.boto("ecr"), a_repository(target)
    put(target, repository, "1")
    ecr.put_image_tag_mutability(repositoryName=repository, imageTagMutability="IMMUTABLE")
    try:
        put(target, repository, "1", '{"other": 1}')
    except ecr.exceptions.ImageTagAlreadyExistsException:
        return
    raise AssertionError("was not refused")


@check
def a_repository_with_images_is_not_deleted(target: Target) -> None:
    """API DeleteRepository: force; RepositoryNotEmptyException"""
    ecr, repository = target.boto("ecr"), a_repository(target)
    put(target, repository, "1")
    assert refused(ecr.delete_repository, repositoryName=repository) == ("RepositoryNotEmptyException", 400)
    ecr.delete_repository(repositoryName=repository, force=True)
    assert refused(ecr.describe_images, repositoryName=repository) == GONE


@check
def policies_are_kept(target: Target) -> None:
    """API GetRepositoryPolicy: RepositoryPolicyNotFoundException; API GetLifecyclePolicy: LifecyclePolicyNotFoundException"""
    ecr, repository = target.boto("ecr"), a_repository(target)
    assert refused(ecr.get_repository_policy, repositoryName=repository) == ("RepositoryPolicyNotFoundException", 400)
    assert refused(ecr.get_lifecycle_policy, repositoryName=repository) == ("LifecyclePolicyNotFoundException", 400)
    statement = {"Sid": "s", "Effect": "Allow", "Principal": "*", "Action": "ecr:BatchGetImage"}
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    ecr.set_repository_policy(repositoryName=repository, policyText=text)
    assert json.loads(ecr.get_repository_policy(repositoryName=repository)["policyText"])["Statement"] == [statement]

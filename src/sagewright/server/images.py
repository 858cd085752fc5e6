"""The container registry for `docker push` and `podman push`, under `/v2/`: OCI's distribution specification 1.1.

Its repositories are ECR's; the user is AWS, the password GetAuthorizationToken's. There is no conflict with S3: no bucket can be
named `v2`.
"""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import orjson

from sagewright.http import asgi
from sagewright.http.asgi import ClientGone, Incoming
from sagewright.http.body import BytesBody, digits
from sagewright.http.limits import ConnectionLimits
from sagewright.http.messages import FileBody, HttpRequest, HttpResponse
from sagewright.http.pools import CallPool, Full
from sagewright.model.aws.access_keys import AccessKey
from sagewright.model.aws.registry_tokens import USER, BadPassword, read_password
from sagewright.model.clock import now_ms
from sagewright.model.errors import AwsError
from sagewright.objects.layers import NoSuchUpload, OutOfOrder, WrongDigest
from sagewright.services.access.modes import is_enforced, is_secure
from sagewright.services.access.questions import WantedAccess, require
from sagewright.services.aws.ecr.manifests import Pushed, keep_manifest, layer_store, members
from sagewright.services.context import Platform, RequestOrigin
from sagewright.store.objects import ecr
from sagewright.store.objects.ecr import Manifest, Repository

log = logging.getLogger("sagewright.server")
PREFIX = "/v2"
MOST_MANIFEST = 4 * 1024 * 1024
_NAME = r"(?P<name>[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)"
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_MISSING = {
    "LayersNotFoundException": ("MANIFEST_BLOB_UNKNOWN", 404),
    "ReferencedImagesNotFoundException": ("MANIFEST_BLOB_UNKNOWN", 404),
    "ImageDigestDoesNotMatchException": ("DIGEST_INVALID", 400),
    "ImageTagAlreadyExistsException": ("TAG_INVALID", 400),
    "InvalidParameterException": ("MANIFEST_INVALID", 400),
    "LimitExceededException": ("DENIED", 507),
    "InsufficientStorage": ("DENIED", 507),
}
Handler = Callable[[HttpRequest, Repository, str], HttpResponse]


class RegistryRefused(Exception):
    """An error response in the form of the specification."""

    def __init__(self, code: str, message: str, status: int, headers: list[tuple[str, str]] | None = None) -> None:
        super().__init__(message)
        self.response = _json({"errors": [{"code": code, "message": message}]}, status, headers or [])


_ACTIONS = {
    "_append": "UploadLayerPart",
    "_begin_upload": "InitiateLayerUpload",
    "_cancel": "UploadLayerPart",
    "_delete_manifest": "BatchDeleteImage",
    "_finish_upload": "CompleteLayerUpload",
    "_get_blob": "GetDownloadUrlForLayer",
    "_get_manifest": "BatchGetImage",
    "_list_tags": "ListImages",
    "_put_manifest": "PutImage",
    "_tell_upload": "UploadLayerPart",
}
"""IAM actions by request handler. Source: ECR's user guide, "Permissions required for pushing an image"."""


class ImagesApi:
    """The ASGI application under `/v2/`. `find_key` looks up an access key by its id."""

    def __init__(
        self, platform: Platform, find_key: Callable[[str], AccessKey | None], limits: ConnectionLimits | None = None
    ) -> None:
        self._store, self._settings, self._find_key = platform.store, platform.settings, find_key
        self._platform = platform
        self._limits = limits or ConnectionLimits()
        self._pool = CallPool("registry", 16, 1024, 256)
        self._layers = layer_store(platform.settings)
        self._routes: list[tuple[re.Pattern[str], dict[str, Handler]]] = [
            (_route(r"manifests/(?P<reference>[^/]+)"), {
                "GET": self._get_manifest, "HEAD": self._get_manifest, "PUT": self._put_manifest,
                "DELETE": self._delete_manifest,
            }),
            (_route(r"blobs/uploads/(?P<reference>)"), {"POST": self._begin_upload}),
            (_route(r"blobs/uploads/(?P<reference>[^/]+)"), {
                "GET": self._tell_upload, "PATCH": self._append, "PUT": self._finish_upload, "DELETE": self._cancel,
            }),
            (_route(r"blobs/(?P<reference>[^/]+)"), {"GET": self._get_blob, "HEAD": self._get_blob}),
            (_route(r"tags/(?P<reference>list)"), {"GET": self._list_tags}),
        ]  # fmt: skip

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        incoming = asgi.read_head(scope, receive, self._limits)
        try:
            response = await self._answered(incoming)
        except ClientGone:
            return
        response.headers.append(("Docker-Distribution-Api-Version", "registry/2.0"))
        await asgi.send_response(response, scope, send)

    async def _answered(self, incoming: Incoming) -> HttpResponse:
        """Authenticates the request before reading its body."""
        request, pulled = incoming.request, None
        try:
            if incoming.crowded:
                raise Full
            refused = self._refusal(request) if self._store.embedded else await self._pool.run(self._refusal, request)
            if refused is not None:
                return refused
            incoming.prove()
            if incoming.length is None or incoming.length > asgi.PIECE:
                request.body = pulled = incoming.rest()
            elif incoming.length:
                request.body = BytesBody(await incoming.whole(asgi.PIECE, _too_long))
            return await asgi.answered(request, pulled, self._pool, self._handle)
        except Full:
            return RegistryRefused("TOOMANYREQUESTS", "Try again later.", 503, [("Retry-After", "1")]).response
        except AwsError as error:
            return RegistryRefused("BLOB_UPLOAD_INVALID", error.message, error.status).response

    def handle(self, request: HttpRequest) -> HttpResponse:
        """Answers a request whose body is available; never raises."""
        return self._refusal(request) or self._handle(request)

    def _refusal(self, request: HttpRequest) -> HttpResponse | None:
        """Returns the response to an unauthenticated request."""
        try:
            self._authenticate(request)
        except RegistryRefused as refused:
            return refused.response
        return None

    def _handle(self, request: HttpRequest) -> HttpResponse:
        try:
            return self._answer(request)
        except RegistryRefused as refused:
            return refused.response
        except AwsError as error:
            code, status = _MISSING.get(error.code, ("UNKNOWN", error.status))
            return RegistryRefused(code, error.message, status).response
        except NoSuchUpload as error:
            return RegistryRefused("BLOB_UPLOAD_UNKNOWN", f"There is no upload {error}.", 404).response
        except OutOfOrder as error:
            headers = [("Range", _range(error.size))]
            return RegistryRefused("BLOB_UPLOAD_INVALID", str(error), 416, headers).response
        except WrongDigest as error:
            return RegistryRefused("DIGEST_INVALID", f"The digest of the upload differs: {error}", 400).response
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            return RegistryRefused("UNKNOWN", "The request processing has failed; see the server's log.", 500).response

    def _authenticate(self, request: HttpRequest) -> AccessKey:
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        challenge = [
            ("WWW-Authenticate", f'Basic realm="{request.scheme}://{request.host}/",service="ecr.amazonaws.com"')
        ]
        try:
            user, _, text = base64.b64decode(value, validate=True).decode().partition(":")
            password = read_password(text)
        except (BadPassword, ValueError):
            raise RegistryRefused("UNAUTHORIZED", "authentication required", 401, challenge) from None
        key = self._find_key(password.access_key)
        good = scheme.lower() == "basic" and user == USER and key is not None and password.matches(key.secret)
        if not good or password.expires_ms < now_ms():
            message = (
                "Your authorization token has expired. Reauthenticate and try again." if good else "not authorized"
            )
            raise RegistryRefused("DENIED", message, 401, challenge)
        assert key is not None
        return key

    def _permit(self, request: HttpRequest, repository: Repository, handler: Handler) -> None:
        """Raises RegistryRefused for an action that the password's key may not perform."""
        region, account = self._settings.region, self._settings.account
        arn = f"arn:aws:ecr:{region}:{account}:repository/{repository.name}"
        origin = RequestOrigin(request.address, agent=request.headers.get("user-agent"), secure=is_secure(request))
        wanted = WantedAccess(f"ecr:{_ACTIONS[handler.__name__]}", arn, region)
        try:
            require(self._platform, self._authenticate(request), wanted, origin)
        except AwsError as error:
            raise RegistryRefused("DENIED", error.message, 403) from None

    def _answer(self, request: HttpRequest) -> HttpResponse:
        path = unquote(request.path)
        if path.rstrip("/") == PREFIX:
            return _json({}, 200)
        for pattern, methods in self._routes:
            found = pattern.fullmatch(path)
            if found and request.method in methods:
                handler, repository = methods[request.method], self._repository(found["name"])
                self._permit(request, repository, handler)
                return handler(request, repository, found["reference"])
        raise RegistryRefused("UNSUPPORTED", f"The registry does not serve {request.method} {path}.", 405)

    def _repository(self, name: str) -> Repository:
        repository = ecr.find(self._store, name)
        if repository is None:
            account = self._settings.account
            message = f"The repository with name '{name}' does not exist in the registry with id '{account}'"
            raise RegistryRefused("NAME_UNKNOWN", message, 404)
        return repository

    def _manifest(self, repository: Repository, reference: str) -> Manifest:
        manifest = ecr.manifest_of(self._store, repository.name, reference)
        if manifest is None:
            raise RegistryRefused("MANIFEST_UNKNOWN", f"Requested image not found: {repository.name}, {reference}", 404)
        return manifest

    def _get_manifest(self, request: HttpRequest, repository: Repository, reference: str) -> HttpResponse:
        manifest = self._manifest(repository, reference)
        if request.method == "GET":
            ecr.note_pull(self._store, manifest)
        headers = [("Content-Type", manifest.media_type), ("Docker-Content-Digest", manifest.digest)]
        return HttpResponse(200, headers, manifest.body.encode())

    def _put_manifest(self, request: HttpRequest, repository: Repository, reference: str) -> HttpResponse:
        body = request.body.read(MOST_MANIFEST + 1)
        if len(body) > MOST_MANIFEST:
            raise RegistryRefused("SIZE_INVALID", f"A manifest has at most {MOST_MANIFEST} bytes.", 413)
        by_digest = ":" in reference
        if not by_digest and not _TAG.fullmatch(reference):
            raise RegistryRefused("TAG_INVALID", f"'{reference}' can not be a tag.", 400)
        named = {"digest": reference} if by_digest else {"tag": reference}
        kind = request.headers.get("content-type", "").partition(";")[0].strip()
        manifest, _new = keep_manifest(self._store, self._layers, repository, Pushed(body, kind or None, **named))
        place = f"{PREFIX}/{repository.name}/manifests/{manifest.digest}"
        return HttpResponse(201, [("Location", place), ("Docker-Content-Digest", manifest.digest)])

    def _delete_manifest(self, _request: HttpRequest, repository: Repository, reference: str) -> HttpResponse:
        manifest = self._manifest(repository, reference)
        if ":" not in reference:
            ecr.untag(self._store, repository.name, [reference])
        elif any(manifest.digest in members(other) for other in ecr.manifests(self._store, repository.name)):
            raise RegistryRefused("DENIED", "The image is part of a manifest list.", 403)
        else:
            ecr.remove_manifest(self._store, repository.name, manifest.digest)
        return HttpResponse(202)

    def _get_blob(self, request: HttpRequest, repository: Repository, reference: str) -> HttpResponse:
        size = self._layers.size(reference)
        if size is None or not self._belongs(repository, reference):
            raise RegistryRefused("BLOB_UNKNOWN", f"There is no layer {reference}.", 404)
        start, end, status = _asked_range(request.headers.get("range", ""), size)
        headers = [("Content-Type", "application/octet-stream"), ("Docker-Content-Digest", reference)]
        headers += [("Accept-Ranges", "bytes"), ("Content-Length", str(end - start))]
        headers += [("Content-Range", f"bytes {start}-{end - 1}/{size}")] if status == 206 else []
        return HttpResponse(status, headers, FileBody(self._layers.path(reference), start, end - start))

    def _belongs(self, repository: Repository, digest: str) -> bool:
        """Returns False for a layer that is only in other repositories, if permissions differ between repositories."""
        return not is_enforced(self._store, self._settings) or digest in ecr.needed_layers(self._store, repository.name)

    def _begin_upload(self, request: HttpRequest, repository: Repository, _reference: str) -> HttpResponse:
        query = dict(request.query_pairs())
        mounted = query.get("mount", "")
        if mounted and self._layers.size(mounted) is not None and self._belongs(repository, mounted):
            return self._made(repository, mounted)
        upload = self._layers.begin()
        if "digest" in query:
            return self._finish_upload(request, repository, upload)
        return self._state(repository, upload, 202)

    def _tell_upload(self, _request: HttpRequest, repository: Repository, reference: str) -> HttpResponse:
        return self._state(repository, reference, 204)

    def _append(self, request: HttpRequest, repository: Repository, reference: str) -> HttpResponse:
        first = re.match(r"(?:bytes[ =])?([0-9]{1,18})-", request.headers.get("content-range", ""))
        self._layers.append(reference, request.body, int(first[1]) if first else None)
        return self._state(repository, reference, 202)

    def _finish_upload(self, request: HttpRequest, repository: Repository, reference: str) -> HttpResponse:
        digest = dict(request.query_pairs()).get("digest", "")
        self._layers.path(digest)
        self._append(request, repository, reference)
        self._layers.finish(reference, digest)
        return self._made(repository, digest)

    def _cancel(self, _request: HttpRequest, _repository: Repository, reference: str) -> HttpResponse:
        self._layers.cancel(reference)
        return HttpResponse(204)

    def _list_tags(self, request: HttpRequest, repository: Repository, _reference: str) -> HttpResponse:
        query = dict(request.query_pairs())
        found = [tag for tag in ecr.tags(self._store, repository.name) if tag > query.get("last", "")]
        requested = digits(query.get("n"))
        limit = len(found) if requested is None else requested
        page = found[:limit]
        more = f'<{PREFIX}/{repository.name}/tags/list?n={limit}&last={page[-1]}>; rel="next"' if page else ""
        headers = [("Link", more)] if more and len(found) > limit else []
        return _json({"name": repository.name, "tags": page}, 200, headers)

    def _state(self, repository: Repository, upload: str, status: int) -> HttpResponse:
        place = f"{PREFIX}/{repository.name}/blobs/uploads/{upload}"
        headers = [
            ("Location", place),
            ("Range", _range(self._layers.received(upload))),
            ("Docker-Upload-UUID", upload),
        ]
        return HttpResponse(status, headers)

    def _made(self, repository: Repository, digest: str) -> HttpResponse:
        place = f"{PREFIX}/{repository.name}/blobs/{digest}"
        return HttpResponse(201, [("Location", place), ("Docker-Content-Digest", digest)])


def is_for_images(scope: Any) -> bool:
    """Returns True if a request comes from a container engine: under `/v2/`, and not for S3 (signed, or for a bucket named by the
    host, whose keys can begin with `v2/`)."""
    if scope["type"] != "http" or not f"{scope['path']}/".startswith(f"{PREFIX}/"):
        return False
    headers = dict(scope["headers"])
    host = headers.get(b"host", b"").decode("latin-1").lower().partition(":")[0]
    signed = headers.get(b"authorization", b"").startswith(b"AWS") or b"X-Amz-" in scope["query_string"]
    return not (signed or host.endswith(".localhost") or ".s3." in host or ".s3-" in host)


def collect(platform: Platform, grace_s: float) -> int:
    """Deletes unused layers and uploads that were untouched for `grace_s` seconds; returns their number."""
    return layer_store(platform.settings).collect(ecr.needed_layers(platform.store), grace_s)


def _route(rest: str) -> re.Pattern[str]:
    return re.compile(rf"{PREFIX}/{_NAME}/{rest}")


def _too_long(most: int) -> AwsError:
    return AwsError("SIZE_INVALID", f"the body has more than {most} bytes", 413)


def _range(size: int) -> str:
    """Returns the range of the existing bytes in the specification's form, which ends with the last byte."""
    return f"0-{max(0, size - 1)}"


def _asked_range(header: str, size: int) -> tuple[int, int, int]:
    """Returns start, end and status for a Range header; an invalid one counts as missing."""
    found = re.fullmatch(r"bytes=([0-9]{1,18})-([0-9]{0,18})", header)
    if not found or int(found[1]) >= size or (found[2] and int(found[2]) < int(found[1])):
        return 0, size, 200
    last = int(found[2]) if found[2] else size - 1
    return int(found[1]), min(last, size - 1) + 1, 206


def _json(content: Any, status: int, headers: list[tuple[str, str]] | None = None) -> HttpResponse:
    return HttpResponse(status, [("Content-Type", "application/json"), *(headers or [])], orjson.dumps(content))

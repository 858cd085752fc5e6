"""Uploads by an HTML form, which is not an operation of the model: converts them to the equivalent PutObject.

Source: S3 API reference, "POST Object".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from sagewright.http.messages import HttpRequest, HttpResponse
from sagewright.objects import errors
from sagewright.services.aws.s3.metadata import verbatim
from sagewright.wire.protocols.rest_xml import PROLOGUE
from sagewright.wire.protocols.xmltree import escape, parse
from sagewright.wire.s3 import multipart_form
from sagewright.wire.s3.form_policy import SizedBody, Sizes
from sagewright.wire.s3.multipart_form import FormBody

CONTENT = frozenset(
    {"cache-control", "content-type", "content-disposition", "content-encoding", "content-language", "expires"}
)
OF_SIGNATURES = frozenset(
    {"x-amz-signature", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-security-token"}
)


@dataclass(frozen=True)
class PostedForm:
    """`fields` by lower-case name, including the bucket, with the file's name inserted in the key."""

    bucket: str
    fields: Mapping[str, str]
    body: FormBody

    @property
    def key(self) -> str:
        return self.fields["key"]

    def as_put(self, request: HttpRequest, sizes: Sizes | None) -> HttpRequest:
        """Returns the PutObject that the form stands for. Fields are plain text, not RFC 2047 encoded words as in headers.

        Source: recorded on AWS, localstack test_s3::TestS3PresignedPost::test_post_object_with_unicode_metadata.
        """
        headers = {"host": request.host}
        for name, value in self.fields.items():
            if name in CONTENT or (name.startswith("x-amz-") and name not in OF_SIGNATURES):
                text = verbatim(value) if name.startswith("x-amz-meta-") else value
                headers[name] = text.encode().decode("latin-1")
        if "acl" in self.fields:
            headers["x-amz-acl"] = self.fields["acl"]
        if "tagging" in self.fields:
            headers["x-amz-tagging"] = _tagging(self.fields["tagging"])
        body = SizedBody(self.body, sizes) if sizes else self.body
        return HttpRequest("PUT", f"/{quote(self.bucket)}/{quote(self.key)}", "", headers, body, request.scheme)

    def answer(self, put: HttpResponse, base_url: str) -> HttpResponse:
        """Returns the response to the browser: empty by default, else a document or a redirection."""
        etag = next((value for name, value in put.headers if name.lower() == "etag"), "")
        location = f"{base_url}/{quote(self.bucket)}/{quote(self.key)}"
        headers = [(name, value) for name, value in put.headers if name.lower() != "content-type"]
        target = self.fields.get("success_action_redirect") or self.fields.get("redirect")
        if target and urlsplit(target).scheme in {"http", "https"}:
            return HttpResponse(303, [*headers, ("Location", self._redirect(target, etag))])
        headers.append(("Location", location))
        match self.fields.get("success_action_status"):
            case "200":
                return HttpResponse(200, headers)
            case "201":
                described = {"Location": location, "Bucket": self.bucket, "Key": self.key, "ETag": etag}
                inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in described.items())
                document = f"{PROLOGUE}<PostResponse>{inner}</PostResponse>".encode()
                return HttpResponse(201, [*headers, ("Content-Type", "application/xml")], document)
        return HttpResponse(204, headers)

    def _redirect(self, target: str, etag: str) -> str:
        parts = urlsplit(target)
        query = parse_qsl(parts.query, keep_blank_values=True)
        query += [("bucket", self.bucket), ("key", self.key), ("etag", etag)]
        return urlunsplit(parts._replace(query=urlencode(query)))


def read_form(request: HttpRequest, bucket: str) -> PostedForm:
    """Reads the fields of a form, but not its file. Raises AwsError with the codes of POST Object."""
    boundary = multipart_form.boundary(request.headers.get("content-type", ""))
    if boundary is None:
        message = "Bucket POST must be of the enclosure-type multipart/form-data"
        raise errors.precondition_failed(message)
    body = FormBody(request.body, boundary)
    fields = {name.lower(): value for name, value in body.fields}
    if "key" not in fields:
        message = (
            "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields."
        )
        raise errors.invalid_argument(message, "key")
    if body.filename is None:
        raise errors.invalid_argument("POST requires exactly one file upload per request.", "file", 0)
    name = body.filename.replace("\\", "/").rpartition("/")[2]
    fields |= {"key": fields["key"].replace("${filename}", name) if name else fields["key"], "bucket": bucket}
    return PostedForm(bucket, fields, body)


def _tagging(document: str) -> str:
    tags = parse(document.encode()).first("TagSet")
    pairs = []
    for tag in tags.all("Tag") if tags else ():
        key, value = tag.first("Key"), tag.first("Value")
        pairs.append((key.text if key else "", value.text if value else ""))
    return urlencode(pairs)

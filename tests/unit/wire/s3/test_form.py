"""An upload by a form as the PutObject that it stands for, and what the browser gets."""

from __future__ import annotations

import pytest

from sagewright.http.body import BytesBody
from sagewright.http.messages import HttpRequest, HttpResponse
from sagewright.model.errors import AwsError
from sagewright.wire.s3.form import PostedForm, read_form
from sagewright.wire.s3.form_policy import Sizes

TYPE = "multipart/form-data; boundary=B"
PUT = HttpResponse(200, [("ETag", '"e"'), ("x-amz-request-id", "r")])


def request(*fields: tuple[str, str], file: str | None = "dir\\n.txt", content_type: str = TYPE) -> HttpRequest:
    body = "".join(f'--B\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in fields)
    if file is not None:
        name = file.replace("\\", "\\\\")
        body += f'--B\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\ndata\r\n'
    return HttpRequest(
        "POST", "/b", "", {"content-type": content_type, "host": "h"}, BytesBody(f"{body}--B--".encode())
    )


def form(*fields: tuple[str, str]) -> PostedForm:
    return read_form(request(*fields), "b")


def test_the_put_that_it_stands_for() -> None:
    tags = "<Tagging><TagSet><Tag><Key>a b</Key><Value>1&amp;2</Value></Tag></TagSet></Tagging>"
    said = [("Key", "up/${filename}"), ("Content-Type", "x/y"), ("x-amz-meta-M", "ü"), ("acl", "private")]
    signed = [("tagging", tags), ("policy", "p"), ("x-amz-signature", "s"), ("x-amz-credential", "c")]
    posted = form(*said, *signed)
    assert posted.key == "up/n.txt"
    put = posted.as_put(request(), Sizes(0, 10))
    assert (put.method, put.path) == ("PUT", "/b/up/n.txt")
    assert put.headers == {
        "host": "h",
        "content-type": "x/y",
        "x-amz-meta-m": "ü".encode().decode("latin-1"),
        "x-amz-acl": "private",
        "x-amz-tagging": "a+b=1%262",
    }
    assert put.body.read() == b"data"


@pytest.mark.parametrize(
    ("requested", "code", "status"),
    [
        (request(("key", "k"), content_type="text/plain"), "PreconditionFailed", 412),
        (request(("other", "k")), "InvalidArgument", 400),
        (request(("key", "k"), file=None), "InvalidArgument", 400),
    ],
)
def test_forms_that_are_refused(requested: HttpRequest, code: str, status: int) -> None:
    with pytest.raises(AwsError) as caught:
        read_form(requested, "b")
    assert (caught.value.code, caught.value.status) == (code, status)


def test_what_the_browser_gets() -> None:
    key = ("key", "a b")
    answer = form(key).answer(PUT, "http://h")
    assert (answer.status, dict(answer.headers)["Location"], answer.body) == (204, "http://h/b/a%20b", b"")
    assert form(key, ("success_action_status", "200")).answer(PUT, "").status == 200
    assert form(key, ("success_action_status", "404")).answer(PUT, "").status == 204
    made = form(key, ("success_action_status", "201")).answer(PUT, "http://h")
    assert isinstance(made.body, bytes)
    assert b"<Key>a b</Key><ETag>&quot;e&quot;</ETag>" in made.body
    answer = form(key, ("success_action_redirect", "https://x/y?z=1")).answer(PUT, "")
    assert answer.status == 303
    assert dict(answer.headers)["Location"] == "https://x/y?z=1&bucket=b&key=a+b&etag=%22e%22"
    assert form(key, ("redirect", "javascript:alert(1)")).answer(PUT, "").status == 204

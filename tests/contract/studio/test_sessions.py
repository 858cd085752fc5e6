"""Who may see Studio's pages, and what another site can make a browser do."""

from __future__ import annotations

import http.client
import json
from typing import Any

import pytest

PAGES = ("/studio", "/studio/jobs", "/studio/jobs.json", "/studio/jobs.csv", "/studio/nothing/there", "/studio/live")


@pytest.mark.parametrize("path", PAGES)
def test_strangers_see_the_sign_in_page_alone(stranger: Any, path: str) -> None:
    answer = stranger.get(path)
    assert answer.status == 401
    assert "us-east-1" in answer.text or path == "/studio/live"
    assert "training" not in answer.text.lower()


def test_a_wrong_secret_signs_nobody_in(stranger: Any, server: Any) -> None:
    answer = stranger.post("/studio/sign-in", {"key": "AKIAWRONG", "secret": "x"})
    assert answer.status == 403
    assert not stranger.cookies


def test_a_session_ends_at_sign_out(browser: Any) -> None:
    assert browser.get("/studio").status == 200
    kept = dict(browser.cookies)
    assert browser.post("/studio/sign-out", {"token": browser.token()}).status == 303
    browser.cookies = kept
    assert browser.get("/studio").status == 401


def test_cookies_are_for_this_site_and_out_of_reach_of_scripts(
    stranger: Any, server: Any, admin_key: tuple[str, str]
) -> None:
    key, secret = admin_key
    answer = stranger.post("/studio/sign-in", {"key": key, "secret": secret})
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert secret not in cookie


def test_behind_a_local_proxy_that_ends_tls_the_cookie_is_a_host_cookie(
    stranger: Any, admin_key: tuple[str, str]
) -> None:
    key, secret = admin_key
    given = {"X-Forwarded-Proto": "https"}
    cookie = stranger.post("/studio/sign-in", {"key": key, "secret": secret}, **given).headers["set-cookie"]
    assert cookie.startswith("__Host-")
    assert "Secure" in cookie


@pytest.mark.parametrize("value", ["ASIAFORGED.1795947888.x", "x", "", "a.b.c.d", "ASIA" + "A" * 4000])
def test_forged_cookies_open_nothing(stranger: Any, value: str) -> None:
    stranger.cookies["sagewright-studio"] = value
    assert stranger.get("/studio").status == 401


def test_a_cookie_with_another_time_is_forged(browser: Any) -> None:
    key, seen, signature = browser.cookies["sagewright-studio"].split(".")
    browser.cookies["sagewright-studio"] = f"{key}.{int(seen) + 1}.{signature}"
    assert browser.get("/studio").status == 401


def test_another_origin_submits_no_form(browser: Any) -> None:
    form = {"token": browser.token(), "call": "[]"}
    assert browser.post("/studio/act", form, Origin="http://evil.example").status == 403
    assert browser.post("/studio/act", {"call": "[]", "token": "guess"}).status == 403
    assert browser.post("/studio/act", {"call": "[]"}).status == 403


def test_a_forms_token_does_not_stay_in_an_address(browser: Any) -> None:
    answer = browser.get(f"/studio/compare?token={browser.token()}&pick=a&pick=b&Tags=")
    assert answer.status == 303
    assert answer.headers["location"] == "/studio/compare?pick=a&pick=b"


def test_chosen_rows_are_compared_without_the_token_in_the_address(browser: Any) -> None:
    answer = browser.post("/studio/compare", {"token": browser.token(), "pick": ["a", "b c&token=1"]})
    assert answer.status == 303
    assert answer.headers["location"] == "/studio/compare?pick=a&pick=b+c%26token%3D1"


def test_names_of_others_are_refused(browser: Any) -> None:
    answer = browser.get("/studio", Host="evil.example:80")
    assert answer.status == 421


@pytest.mark.parametrize("host", ["[::1", "[x]:80", "]"])
def test_hosts_that_are_no_names_are_refused(stranger: Any, host: str) -> None:
    answer = stranger.get("/studio", Host=host)
    assert answer.status in (400, 421)


def test_more_fields_than_a_page_reads_are_refused(browser: Any) -> None:
    answer = browser.get("/studio/jobs?" + "&".join(["a=1"] * 1201))
    assert answer.status == 400
    assert "1200 fields" in answer.text
    assert "content-security-policy" in answer.headers


def test_more_fields_than_a_sign_in_has_are_refused(stranger: Any) -> None:
    answer = stranger.post("/studio/sign-in", {f"field{n}": "x" for n in range(9)})
    assert answer.status == 400
    assert "8 fields" in answer.text


def test_a_browser_at_the_root_reads_what_answers_and_how_to_use_it(server: Any, stranger: Any) -> None:
    answer = stranger.get("/", Accept="text/html,*/*")
    assert answer.status == 200
    assert f"sagewright exec --data {server.data} -- python your_script.py" in answer.text
    assert 'href="/studio"' in answer.text
    assert "AccessDenied" in stranger.get("/").text


def test_a_probe_is_answered_and_a_bucket_called_health_is_a_bucket(server: Any, stranger: Any) -> None:
    answer = stranger.get("/health")
    assert (answer.status, json.loads(answer.text)["status"]) == (200, "ok")
    s3 = server.boto("s3")
    s3.create_bucket(Bucket="health")
    s3.put_object(Bucket="health", Key="k", Body=b"x")
    assert s3.list_objects_v2(Bucket="health")["KeyCount"] == 1


def test_every_answer_carries_the_policy(browser: Any, stranger: Any) -> None:
    for answer in (
        browser.get("/studio"),
        stranger.get("/studio"),
        browser.get("/studio/nope"),
        browser.get("/studio/jobs/none"),
    ):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_pages_have_no_inline_script_style_or_handler(browser: Any) -> None:
    import re

    for path in ("/studio", "/studio/jobs"):
        text = browser.get(path).text
        assert not re.search(r"<script(?![^>]*\bsrc=)", text)
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=", text)


def test_a_bucket_named_studio_is_still_reached_by_signed_requests(server: Any, browser: Any) -> None:
    s3 = server.boto("s3")
    s3.create_bucket(Bucket="studio")
    s3.put_object(Bucket="studio", Key="jobs", Body=b"an object")
    assert s3.get_object(Bucket="studio", Key="jobs")["Body"].read() == b"an object"
    s3.delete_object(Bucket="studio", Key="jobs")
    s3.delete_bucket(Bucket="studio")
    assert browser.get("/studio/jobs").status == 200


def test_an_open_tab_does_not_hold_up_the_servers_end(own_server: Any, sign_in: Any) -> None:
    own_server.start()
    browser = sign_in(own_server)
    connection = http.client.HTTPConnection(browser.host, timeout=60)
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    connection.request("GET", "/studio/live", headers={"Cookie": cookies})
    stream = connection.getresponse()
    assert stream.readline() == b"retry: 2000\n"
    assert own_server.end() == 0
    assert "Traceback" not in own_server.log()
    stream.read()
    stream.close()
    connection.close()

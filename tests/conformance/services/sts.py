"""STS."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from services.check import check
from services.target import Target, refusal, refused


@check
def a_caller_is_told_who_it_is(target: Target) -> None:
    """API GetCallerIdentity: Account, Arn, UserId"""
    described = target.boto("sts").get_caller_identity()
    assert described["Account"] == target.account
    assert described["Arn"].startswith(f"arn:aws:sts::{target.account}:assumed-role/"), "the SDKs refuse a user"
    assert described["UserId"]


@check
def a_role_is_assumed_for_a_while(target: Target) -> None:
    """API AssumeRole: Credentials, AssumedRoleUser"""
    described = target.boto("sts").assume_role(RoleArn=target.role, RoleSessionName="check", DurationSeconds=900)
    arn = f"arn:aws:sts::{target.account}:assumed-role/SageMakerExecutionRole/check"
    assert described["AssumedRoleUser"]["Arn"] == arn
    assert described["Credentials"]["AccessKeyId"].startswith("ASIA")
    left = described["Credentials"]["Expiration"] - datetime.now(UTC)
    assert timedelta(minutes=14) < left < timedelta(minutes=16)


@check
def a_session_is_named_in_words(target: Target) -> None:
    """API AssumeRole: RoleSessionName: [\\w+=,.@-]*, 2 to 64; ValidationError"""
    call = target.boto("sts").assume_role
    for name in ("a", "two words", "a" * 65):
        assert refused(call, RoleArn=target.role, RoleSessionName=name) == ("ValidationError", 400), name


@check
def a_session_has_a_quarter_of_an_hour_at_least(target: Target) -> None:
    """API AssumeRole: DurationSeconds: minimum 900; ValidationError"""
    wanted = {"RoleArn": target.role, "RoleSessionName": "check", "DurationSeconds": 899}
    assert refused(target.boto("sts").assume_role, **wanted) == ("ValidationError", 400)


@check
def a_role_s_arn_has_its_form(target: Target) -> None:
    """Recorded on AWS: localstack test_sts::test_sts_invalid_parameters"""
    found = refusal(target.boto("sts").assume_role, RoleArn="nothing-valid-in-here", RoleSessionName="check")
    assert (found.code, found.message) == ("ValidationError", "nothing-valid-in-here is invalid")


@check
def tags_of_sessions_are_told_apart(target: Target) -> None:
    """Recorded on AWS: localstack test_sts::TestSTSAssumeRoleTagging::test_assume_role_tag_validation"""
    asked = {"RoleArn": target.role, "RoleSessionName": "check"}
    twice = [{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}]
    assert refused(target.boto("sts").assume_role, **asked, Tags=twice) == ("InvalidParameterValue", 400)
    absent = {"Tags": twice[:1], "TransitiveTagKeys": ["b"]}
    assert refused(target.boto("sts").assume_role, **asked, **absent) == ("InvalidParameterValue", 400)

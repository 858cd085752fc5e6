"""S3's errors, with the codes, statuses and fields that clients read.

A field whose name begins with `@` is a header of the response.
"""

from __future__ import annotations

from sagewright.model.errors import AwsError


def no_such_bucket(name: str) -> AwsError:
    return AwsError("NoSuchBucket", "The specified bucket does not exist", 404, {"BucketName": name})


def no_such_key(key: str) -> AwsError:
    return AwsError("NoSuchKey", "The specified key does not exist.", 404, {"Key": key})


def lost(key: str) -> AwsError:
    """Returns the error for an object whose row exists but whose bytes don't: S3's code for an unreadable object, which clients
    don't retry."""
    message = (
        f"The content of the object '{key}' is lost: its file is missing from the server's data directory, or truncated. "
        "`sagewright objects scrub` lists all such objects."
    )
    return AwsError("InvalidObjectState", message, 403, {"Key": key})


def marked_deleted(error: AwsError) -> AwsError:
    """Returns the error of operations other than reads for a key whose newest version is a delete marker; other errors
    unchanged."""
    version = error.fields.get("@x-amz-version-id")
    return is_delete_marker(version) if error.code == "NoSuchKey" and version else error


def deleted_key(key: str, version: str) -> AwsError:
    """Returns the error for a newest version that is a delete marker."""
    fields = {"Key": key, "@x-amz-delete-marker": "true", "@x-amz-version-id": version}
    return AwsError("NoSuchKey", "The specified key does not exist.", 404, fields)


def is_delete_marker(version: str) -> AwsError:
    """Returns the error for a requested version that is a delete marker."""
    fields = {
        "ResourceType": "DeleteMarker",
        "@x-amz-delete-marker": "true",
        "@x-amz-version-id": version,
        "@Allow": "DELETE",
    }
    return AwsError("MethodNotAllowed", "The specified method is not allowed against this resource.", 405, fields)


def malformed_xml() -> AwsError:
    """Returns the error for a missing or incomplete body, or one that breaks the schema."""
    return AwsError(
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
    )


def invalid_version(version: str) -> AwsError:
    """Returns the error for an id that no version ever had."""
    return invalid_argument("Invalid version id specified", "versionId", version)


def no_such_version(key: str, version: str) -> AwsError:
    fields = {"Key": key, "VersionId": version}
    return AwsError("NoSuchVersion", "The specified version does not exist.", 404, fields)


def no_such_upload(upload_id: str) -> AwsError:
    message = (
        "The specified upload does not exist. The upload ID may be invalid, "
        "or the upload may have been aborted or completed."
    )
    return AwsError("NoSuchUpload", message, 404, {"UploadId": upload_id})


def precondition_failed(condition: str) -> AwsError:
    message = "At least one of the pre-conditions you specified did not hold"
    return AwsError("PreconditionFailed", message, 412, {"Condition": condition})


def conditional_conflict(key: str, condition: str) -> AwsError:
    message = "The conditional request cannot succeed due to a conflicting operation against this resource."
    return AwsError("ConditionalRequestConflict", message, 409, {"Condition": condition, "Key": key})


def not_implemented(header: str, reason: str) -> AwsError:
    message = "A header you provided implies functionality that is not implemented"
    return AwsError("NotImplemented", message, 501, {"Header": header, "additionalMessage": reason})


def invalid_part(upload_id: str, number: int, etag: str) -> AwsError:
    message = (
        "One or more of the specified parts could not be found.  The part may not have been uploaded, "
        "or the specified entity tag may not match the part's entity tag."
    )
    fields = {"UploadId": upload_id, "PartNumber": str(number), "ETag": etag.strip('"')}
    return AwsError("InvalidPart", message, 400, fields)


def invalid_part_order(upload_id: str) -> AwsError:
    message = "The list of parts was not in ascending order. Parts must be ordered by part number."
    return AwsError("InvalidPartOrder", message, 400, {"UploadId": upload_id})


def longer_than_announced() -> AwsError:
    return AwsError("IncompleteBody", "The request body has more bytes than its length header announced.")


def part_too_small(number: int, size: int, minimum: int, etag: str) -> AwsError:
    fields = {
        "ProposedSize": str(size),
        "MinSizeAllowed": str(minimum),
        "PartNumber": str(number),
        "ETag": etag,
    }
    return AwsError("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size", 400, fields)


def invalid_argument(message: str, name: str, value: object = "") -> AwsError:
    """`value`: None omits it."""
    fields = {"ArgumentName": name, "ArgumentValue": str(value)} if value is not None else {"ArgumentName": name}
    return AwsError("InvalidArgument", message, 400, fields)


def invalid_request(message: str) -> AwsError:
    return AwsError("InvalidRequest", message, 400)

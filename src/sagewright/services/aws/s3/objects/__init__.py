"""Objects: PUT, GET, copies, lists, deletion, tags and multipart uploads.

Imports the checks and shapes of `services.aws.s3`, and `buckets`.
"""

"""Buckets and their configurations: policies, CORS, access lists, notifications, versioning.

Imports the checks and shapes of `services.aws.s3`, and nothing of `objects`.
"""

"""AWS's vocabulary: service models, ARNs, regions, instance types, S3 URIs, access keys.

Imports nothing of `model.jobs`.
"""

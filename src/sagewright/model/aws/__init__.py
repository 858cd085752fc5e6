"""AWS's own vocabulary: service models, ARNs, regions, instance types, S3 URIs, access keys.

Imports nothing of the other wing.
"""

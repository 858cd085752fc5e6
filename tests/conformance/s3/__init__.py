"""Duties of an S3 server, check by check, each backed by Amazon's documentation: see `checks.py`."""

"""What an S3 server has to do, check by check, each backed by Amazon's documentation: see `checks.py`."""

"""Checks of what the services besides S3 do, against what AWS documents."""

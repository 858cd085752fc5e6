"""The input modes of a channel from S3. Source: AWS's API reference, S3DataSource and Channel."""

from __future__ import annotations

MODES_BY_DATA_TYPE = {
    "S3Prefix": {"File", "FastFile", "Pipe"},
    "ManifestFile": {"File", "Pipe"},
    "AugmentedManifestFile": {"Pipe"},
}

"""In which input modes a channel of S3 can be given. Source: AWS's API reference, S3DataSource and Channel."""

from __future__ import annotations

MODES_BY_DATA_TYPE = {
    "S3Prefix": {"File", "FastFile", "Pipe"},
    "ManifestFile": {"File", "Pipe"},
    "AugmentedManifestFile": {"Pipe"},
}

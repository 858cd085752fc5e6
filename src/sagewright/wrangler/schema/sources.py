"""Sources and destinations."""

from __future__ import annotations

from sagewright.wrangler.flows import NodeType
from sagewright.wrangler.schema.catalogue import declare
from sagewright.wrangler.schema.declaration import Operator, Tool
from sagewright.wrangler.schema.fields import choice, flag, integer, option, text

_SOURCE = NodeType.SOURCE

declare(
    [
        Operator(
            "sagemaker.s3_source_0.1",
            "Amazon S3",
            "Sources",
            (
                Tool(
                    "",
                    "Reads files of a bucket; the values are members of dataset_definition.s3ExecutionContext.",
                    (
                        text("s3Uri", "S3 URI of a file or folder", required=True, note="May hold {{parameter}}."),
                        choice("s3ContentType", "Format", ("csv", "parquet", "json", "jsonl", "orc", "image")),
                        flag("s3HasHeader", "First line names the columns", True),
                        text("s3FieldDelimiter", "Delimiter", ",", most=4),
                        flag("s3DirIncludesNested", "Read folders inside the folder"),
                        flag("s3AddsFilenameColumn", "Add a column with the file's name", note="_data_source_filename"),
                        choice("s3CsvEncodingType", "Encoding", ("UTF_8", "UTF_16", "ISO_8859_1", "US_ASCII")),
                        integer("s3SkipLines", "Lines to skip", 0, least=0, most=1_000_000),
                        flag("s3MultiLine", "Values may hold line ends"),
                    ),
                ),
            ),
            _SOURCE,
            (),
        ),
        Operator(
            "sagemaker.athena_source_0.1",
            "Amazon Athena",
            "Sources",
            (Tool("", "Runs a query; its result comes to a job as a dataset definition.", ()),),
            _SOURCE,
            (),
        ),
        Operator(
            "sagemaker.redshift_source_0.1",
            "Amazon Redshift",
            "Sources",
            (Tool("", "Runs a query; its result comes to a job as a dataset definition.", ()),),
            _SOURCE,
            (),
        ),
        Operator(
            "sagemaker.spark.s3_destination_0.1",
            "Amazon S3",
            "Destinations",
            (
                Tool(
                    "",
                    "Writes files; the values are members of output_config.",
                    (
                        text("output_path", "S3 URI of a folder", required=True),
                        choice("output_content_type", "Format", ("CSV", "PARQUET")),
                        text("delimiter", "Delimiter", ",", most=4),
                        choice("compression", "Compression", ("none", "gzip", "snappy", "zstd", "bzip2", "deflate")),
                        choice(
                            "partition_config",
                            "Files",
                            (
                                option("one", member=""),
                                option("several", integer("num_partitions", "Number of files", 1, least=1, most=9999)),
                            ),
                        ),
                    ),
                ),
            ),
            NodeType.DESTINATION,
            ("default",),
        ),
    ]
)

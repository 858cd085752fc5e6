"""One HTTP port for every AWS service: decodes requests, calls operations and encodes responses."""

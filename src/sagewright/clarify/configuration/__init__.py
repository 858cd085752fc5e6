"""analysis_config.json: its JSON schema, its rules, and dataclasses for its content."""

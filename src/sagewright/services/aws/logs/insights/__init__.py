"""The query language of CloudWatch Logs Insights: read, compiled to steps, and run over events in memory."""

"""The query language of CloudWatch Logs Insights: parsed, compiled to steps, and run over events in memory."""

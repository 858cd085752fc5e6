"""Data Wrangler: flows, a flow with its preview, insights, charts, code and runs."""

"""Notebook instances, their life-cycle configurations, and code repositories. May import `studio`, whose apps run alike."""

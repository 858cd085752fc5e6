"""Rows and events: one module per noun, SQLAlchemy Core statements that run on SQLite and PostgreSQL."""

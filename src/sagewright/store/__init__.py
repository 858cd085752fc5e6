"""Rows and events: one module for each noun, SQLAlchemy Core statements that run on SQLite and PostgreSQL."""

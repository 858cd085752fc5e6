"""Training rows in memory and on disk: reads channels, holds, samples and spools their rows. Imports hosts, never a session."""

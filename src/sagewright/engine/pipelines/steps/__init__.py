"""What each type of pipeline step does."""

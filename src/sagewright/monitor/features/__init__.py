"""Quality of data: statistics and constraints of columns, and violations of a baseline's."""

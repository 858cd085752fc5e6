"""Examples: `catalogue` (which there are), `clients` (Pythons that have an SDK), `runs` (one run of one)."""

"""URLs that sign in to Studio and to notebooks, and the sessions that they open."""

"""The language of a text by fastText's lid.176."""

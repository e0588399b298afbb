"""The tools for files, and the folder they are kept in."""

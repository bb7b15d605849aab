"""The database of each release, made from the one before."""

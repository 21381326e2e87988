"""Model files: what is in one, and how one is built. Running it is the engines' work."""

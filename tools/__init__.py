"""Generators of documents, from the code that they describe. ``--check`` compares. Not part of the package."""

"""Generate documents from the code. ``--check`` compares them. Not part of the distribution."""

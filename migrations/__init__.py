"""The schema's history, shipped as files: ``persistence.migrate`` runs them, nothing imports this package for code."""

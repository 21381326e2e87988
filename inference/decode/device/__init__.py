"""Decodes plain JPEGs in batches on a GPU; the CPU pool decodes everything else."""

"""
The composition root: each process is wired here, read top to bottom, and nowhere else.

One module for each process, so that a sink never imports torch and a bridge imports neither torch nor asyncpg.
"""

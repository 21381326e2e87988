"""
The composition root: all processes are wired here. Read each module top to bottom.

Each process has its own module, so that a sink never imports torch, and a bridge imports neither torch nor asyncpg.
"""

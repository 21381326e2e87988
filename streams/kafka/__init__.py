"""Clients of the broker without Faust: they connect, publish, scan, measure lag and create topics."""

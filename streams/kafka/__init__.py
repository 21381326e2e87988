"""Clients of the broker, without Faust: who connects, publishes, scans, asks for lag, creates topics."""

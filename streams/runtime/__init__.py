"""What every process has: settings, logs, metrics, traces, health, retries of what all share."""

"""Runtime parts of every process: settings, logs, metrics, traces, health, retries of shared dependencies."""

"""What is done with models beside serving them: fit, evaluate, quantize, time, verify, report."""

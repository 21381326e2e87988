"""Work on models besides serving: fit, evaluate, quantize, benchmark, verify, report."""

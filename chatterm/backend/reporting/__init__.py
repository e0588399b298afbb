"""What is made of the records of requests: statistics, the performance log, metrics, telemetry."""

"""The front desk: the one place that joins every floor into a command and a server."""

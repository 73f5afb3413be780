"""The outside world, behind the ports: one package or module for each library."""

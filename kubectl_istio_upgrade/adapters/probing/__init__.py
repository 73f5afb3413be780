"""Probes over HTTP and by commands: implements `ports.Prober`."""

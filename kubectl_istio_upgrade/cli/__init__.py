"""The commands: options in, one call, output. Imports here stay light; see `main`."""

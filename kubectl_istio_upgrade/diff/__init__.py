"""Comparing: values, objects, states. Pure; the only importer of deepdiff, which pairs similar list items."""

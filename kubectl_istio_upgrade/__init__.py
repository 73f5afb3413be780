"""Istio upgrades that can always be taken back."""

__version__ = "0.1.0"

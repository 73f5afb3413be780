"""`make demo`: an upgrade of a real Istio, taken back, through the product's own commands; see `story`."""

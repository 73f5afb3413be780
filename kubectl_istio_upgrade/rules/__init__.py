"""What this tool knows about Istio and Kubernetes, as tables: one row a fact, with its reason and its source.

A new Istio release usually means a new row here and nothing elsewhere. Sources name files of github.com/istio/istio
unless they say otherwise.
"""

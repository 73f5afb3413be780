"""Finding out what an Istio was installed with, from the mesh alone. Pure: whoever calls renders and asks the server.

`recorded` reads what istioctl and the charts left in config maps, `operator` makes an IstioOperator of that,
`remainder` turns what that would still change into further settings, `merging` is about values.
`rules.operator_fields` has the table.
"""

"""The Kubernetes API server, as the ports of the core see it. The only package that knows `kubernetes` and `urllib3`.

Importing this package costs nothing; importing `connection` costs the `kubernetes` library (about 0.16 s), so commands
do it when they are about to connect:

    transport = connection.connect(connection.ConnectionOptions(context="prod"))
    reader = reader.KubeReader(transport)      # all that `diff` and `snapshot` ever get
    writer = writer.KubeWriter(transport)      # made by commands that write, and by no others

`kubeconfig` finds and merges, `credentials` authenticates, `transport` speaks HTTP, `retry` and `failures` say what
becomes of an answer that is not success.
"""

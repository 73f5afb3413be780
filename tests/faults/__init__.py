"""What happens when anything dies or misbehaves: every fault, at every point, on a real API server.

`python -m tests.faults` runs the matrix: the program is killed at each point where it may be killed, and its requests
are spoiled in each way, one at a time. So are the `resume` and the `abort` of a program that was killed before.
Whatever happened, one more `resume` or `abort` must end in exactly the target or exactly the state before, by a
comparison of all API objects that has no help of the product (only a namespace that was made stays); the store is
intact by git and by `store verify`, and nothing lies about.

The operations are `rollback` and `apply` on a mesh that has everything once; and the same with definitions that are
made and deleted, with values that only the store has, Helm's records among them, and with restarts, made and taken
back. They share an engine, so what is particular to the latter is what they write. An upgrade by istioctl is not in
here, because most of what it goes through is istioctl's: `tests/mesh/test_upgrade_failures.py` kills it while it
installs, validates, restarts workloads, and at its end. There are no controllers, so a restart has rolled out at once.

`items` are what `mesh` and the other `scenarios` consist of, `stories` what is done to them, and `cluster` has them on
an API server; `proxy` spoils requests, `killer` kills, `points` names where; `cases` says what a case is, and `matrix`
enumerates them; `bench` runs one, in a `space` of its own, and `verdict` judges it; `lanes` runs many, `table` prints.
"""

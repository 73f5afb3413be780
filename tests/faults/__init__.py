"""What happens when anything dies or misbehaves: every fault, at every point, on a real API server.

`python -m tests.faults` runs the matrix: the program is killed at each point where it may be killed, and its requests
are spoiled in each way, one at a time. So are the `resume` and the `abort` of a program that was killed before.
Whatever happened, one more `resume` or `abort` must end in exactly the target or exactly the state before, by a
comparison of all API objects that has no help of the product (only a namespace that was made stays); the store is
intact by git and by `store verify`, and nothing lies about.

The operations are `rollback` and `apply`, both of one engine. An upgrade by istioctl is not in here, because most of
what it goes through is istioctl's: `tests/mesh/test_upgrade_failures.py` kills it while it installs, validates,
restarts workloads, and at its end. Nor are sealed Secrets, Helm's records, restarts of workloads, and definitions that
have to be made again.

`scenario` is the mesh and `cluster` has it on an API server; `proxy` spoils requests, `killer` kills, `points` names
where; `cases` enumerates; `bench` runs a case, each in a `space` of its own, and `verdict` judges it; `lanes` runs
many, `table` prints.
"""

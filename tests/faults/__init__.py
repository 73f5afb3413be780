"""What happens when anything dies or misbehaves: every fault, at every point, on a real API server.

`python -m tests.faults` runs the matrix: the program is killed at each point where it may be killed, and its requests
are spoiled in each way, one at a time. Whatever happened, one `resume` or `abort` must end in exactly the target or
exactly the state before, by a comparison of all API objects that has no help of the product.

`scenario` is the mesh and `cluster` has it on an API server; `proxy` spoils requests, `killer` kills, `points` names
where; `cases` enumerates; `bench` runs a case and `verdict` judges it; `lanes` runs many, `table` prints.
"""

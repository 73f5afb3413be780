"""`make bench`: what the product costs, in ratios to kubectl's own cost measured in the same run.

Absolute times say more about the machine than about the product, so every figure is a ratio: both sides run in turns,
several times, as whole processes started as a user starts them.

An API server keeps snapshots of what changed in the last minutes; lists at an exact version of types that have been
idle for longer are read from etcd, which costs several times as much (and always, before Kubernetes 1.34). That is the
usual state of a real mesh; `--aged` waits for it, the default measures the fresh state.
"""

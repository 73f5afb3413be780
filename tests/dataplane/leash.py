"""Becomes Envoy, on a leash: Linux ends it with the agent that started it, however that dies.

A script of its own, as it replaces itself: `leash.py ENVOY ARGUMENTS…`.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1

ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
os.execv(sys.argv[1], sys.argv[1:])

"""`python -m tests.controlplane`."""

import sys

from .cli import main

sys.exit(main())

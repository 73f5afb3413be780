"""`python -m tests.faults`: run the matrix, print the table and its totals. Exit code 1 when any row is wrong."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

from . import table
from .cases import RUNS, Case, Run
from .lanes import Lanes
from .matrix import matrix, sample
from .verdict import Row

_LANES = min(8, 2 * (os.cpu_count() or 1))
"""Two for each core: of a spoiled request much of the time is waiting until it is sent again."""


def main() -> int:
    """Parse the options, run, print."""
    options = _options()
    started = time.monotonic()
    rows: list[Row] = []
    with Lanes(1 if options.case else options.lanes) as lanes:
        cases = options.case or matrix(lanes.record(options.run or RUNS))
        if options.only:
            cases = [case for case in cases if options.only in str(case)]
        if options.sample:
            cases = sample(cases, options.sample, options.seed)
        if options.list:
            print("\n".join(map(str, cases)))
            return 0
        print(table.head(), flush=True)
        for row in lanes.run(cases):
            rows.append(row)
            print(table.line(row), flush=True)
            if options.verbose or (row.problems and options.case):
                print(row.said, file=sys.stderr)
    print(f"\n{table.totals(rows, time.monotonic() - started)}")
    if options.json:
        options.json.write_text(json.dumps(table.document(rows), indent=1), "utf-8")
    return 1 if any(row.problems for row in rows) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--case", type=Case.parse, action="append", metavar="NAME", help="only this case; repeatable")
    parser.add_argument("--run", type=Run.parse, action="append", metavar="NAME", help="only of this; repeatable")
    parser.add_argument("--only", default="", metavar="TEXT", help="only cases with this text in their names")
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="only so many, of every kind in turn")
    parser.add_argument("--seed", type=int, default=0, help="which of them")
    parser.add_argument("--list", action="store_true", help="print the names of the cases and run none")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there, too")
    parser.add_argument("--lanes", type=int, default=_LANES, help="control planes side by side")
    parser.add_argument("--verbose", action="store_true", help="print what the program said")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

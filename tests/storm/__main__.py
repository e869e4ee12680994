"""`python -m tests.storm SEED… [--seconds 180]`: one line of figures for each seed; exit code 1 if an invariant is violated."""

import argparse
import json
import sys
from collections import Counter

from tests.storm import storm


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.storm", description=__doc__)
    parser.add_argument("seeds", nargs="+", type=int, metavar="SEED")
    parser.add_argument("--seconds", type=float, default=180, help="how long each rages, in real time")
    parser.add_argument("--templates", type=int, default=24)
    parser.add_argument("--loud", action="store_true", help="tell what the storm itself was refused")
    given = parser.parse_args()
    total = Counter()
    for seed in given.seeds:
        figures, violations = storm.run(seed, given.seconds, given.templates, given.loud)
        print(json.dumps(figures), flush=True)
        for line in violations:
            print(f"seed {seed}: {line}", file=sys.stderr, flush=True)
        total.update({name: value for name, value in figures.items() if isinstance(value, int) and name != "seed"})
    if len(given.seeds) > 1:
        print(json.dumps({"seeds": len(given.seeds), **total}))
    return 1 if total["violations"] else 0


if __name__ == "__main__":
    sys.exit(main())

"""An AWS in one process: MiniStack, what it lacks, and a clock that can be moved.

`LocalAws` is the way in for tests; `python -m tests.local_aws` for everybody else.
"""

from tests.local_aws.local import LocalAws

__all__ = ["LocalAws"]

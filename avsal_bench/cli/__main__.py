"""``python -m avsal_bench.cli``, which is ``avsal``."""

import sys

from avsal_bench.cli.app import main

sys.exit(main())

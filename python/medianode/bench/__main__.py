"""The load generator as a program: ``python -m medianode.bench MODE``, JSON in, JSON lines out."""

import sys

from medianode._core import load_main

sys.exit(load_main(sys.argv[1:]))

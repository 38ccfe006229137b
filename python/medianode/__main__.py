"""Runs the command line as ``python -m medianode``. Owns nothing else."""

from medianode.cli import main

if __name__ == "__main__":
    main()

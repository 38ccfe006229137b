"""Libraries that are loaded late change nothing for the rest of the process."""

import subprocess
import sys


def test_the_recursion_limit_stays_where_it_was() -> None:
    script = (
        "import sys; before = sys.getrecursionlimit()\n"
        "from medianode.wallet.late import keep_recursion_limit; keep_recursion_limit()\n"
        "import medianode.wallet.keys.opening, medianode.wallet.actions.status\n"
        "assert sys.getrecursionlimit() == before, sys.getrecursionlimit()"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=100)

import subprocess
import sys


def test_the_page_is_what_the_code_says() -> None:
    # A process of its own: other tests of this one touch labels.
    done = subprocess.run(
        [sys.executable, "-m", "tools.metrics_page", "--check"],
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
    )
    assert done.returncode == 0, done.stderr

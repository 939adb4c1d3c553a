# SPDX-License-Identifier: Apache-2.0
"""``python -m tricord``: the same as the ``tricord`` command."""

import sys

from tricord.cli.main import main

if __name__ == "__main__":
    sys.exit(main())

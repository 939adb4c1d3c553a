# SPDX-License-Identifier: Apache-2.0
"""Known bugs of consensus as patches: the tests must name each of them, and no harmless change (``run.py``)."""

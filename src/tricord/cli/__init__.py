# SPDX-License-Identifier: Apache-2.0
"""The ``tricord`` command: one file per command. Data goes to stdout; everything else to stderr."""

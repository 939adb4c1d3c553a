# SPDX-License-Identifier: Apache-2.0
"""Raft libraries side by side: three nodes on loopback TCP, each with its log in a file. See `__main__.py`."""

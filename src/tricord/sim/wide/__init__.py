# SPDX-License-Identifier: Apache-2.0
"""The wide net: whole members and clients, unmodified, in one process on a virtual-time loop."""

# SPDX-License-Identifier: Apache-2.0
"""The asyncio host of a member: start, stop, the turn of the loop, and the engine that doors call."""

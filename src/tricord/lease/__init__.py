# SPDX-License-Identifier: Apache-2.0
"""Leases: what is recorded of one, and who decides when it ends.

The record is part of the state, the same on every member: id, time to live, and what a checkpoint said was left. When a
lease ends is known to the leader alone (``Lessor``); it forgets all of it when it leads no more.
"""

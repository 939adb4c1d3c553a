# SPDX-License-Identifier: Apache-2.0
"""Hosts of causal and eventual keyspaces: they carry out what the cores decide, in members and in edges."""

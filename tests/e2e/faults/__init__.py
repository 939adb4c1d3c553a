# SPDX-License-Identifier: Apache-2.0
"""Whole clusters of real processes in network namespaces, under load, while links are cut and members die."""

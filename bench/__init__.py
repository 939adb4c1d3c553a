# SPDX-License-Identifier: Apache-2.0
"""Measurements: `make bench`. Each prints what it measured and how; figures in README.md come from here."""

# SPDX-License-Identifier: Apache-2.0
"""Checkers beside Porcupine, on the same files."""

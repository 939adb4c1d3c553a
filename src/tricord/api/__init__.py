# SPDX-License-Identifier: Apache-2.0
"""Doors: protocols that clients speak. Each turns bytes into calls on the engine and holds no state of its own."""

# SPDX-License-Identifier: Apache-2.0
"""The vocabulary that every other package speaks. Imports nothing of tricord."""

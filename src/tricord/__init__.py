# SPDX-License-Identifier: Apache-2.0
"""One store, three consistencies: a replicated store for coordination and shared state."""

__version__ = "0.1.0"

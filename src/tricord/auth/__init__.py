# SPDX-License-Identifier: Apache-2.0
"""Who may do what: decided in one place, from the log's state only."""

# SPDX-License-Identifier: Apache-2.0
"""The parts of ``check.linearizable``: partitions, paths for registers that sort, and a search for all else."""

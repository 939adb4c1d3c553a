# SPDX-License-Identifier: Apache-2.0
"""Who read from whom, what came causally before what, and the patterns that no order explains."""

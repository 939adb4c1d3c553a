# SPDX-License-Identifier: Apache-2.0
"""What has to hold in a cluster whatever happens: a file for each promise, checked as things happen."""

# SPDX-License-Identifier: Apache-2.0
"""A judge that tries everything: each model's definition, taken by its word, over histories of a few operations.

It shares no idea with the checkers that it is held against: it enumerates orders (and where a definition says "there is
a relation", relations), and looks whether one explains all answers. ``python -m tests.check.oracle`` compares them over
as many random histories as wanted.
"""

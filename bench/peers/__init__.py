"""What one writes first: the usual libraries, used as their guides show, one of everything each.

Honest and idiomatic: no deliberate slowness, and nothing that a review would have to add for
correctness at this size. They do less than Clarion (no lanes, no history, no resume).
"""

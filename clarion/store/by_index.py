"""Transactions whose statements are served by the order of an index, whatever is estimated."""

BY_INDEX_ONLY = """
SELECT set_config('enable_sort', 'off', true), set_config('enable_incremental_sort', 'off', true),
    set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),
    set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
    set_config('jit', 'off', true),
    set_config('max_parallel_workers_per_gather', '0', true)
"""
"""To be said first. A plan for few rows may read and sort them all, and they may be many; here a
sort is taken only where no index has the order."""

IN_ORDER_OF_INDEX = """
SELECT set_config('enable_sort', 'off', true), set_config('enable_incremental_sort', 'off', true)
"""
"""The part of it that reads of feeds need: else a feed that is estimated short is read whole and
sorted, however long it is."""

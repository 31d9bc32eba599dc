"""What ``import avsal_bench`` offers: functions for a notebook or a script, a file each.

Everything here is handed on by :mod:`avsal_bench`, and is imported when it is asked for.
"""

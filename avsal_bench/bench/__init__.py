"""What runs jobs: the plan of them (``plan``), one of them from its recipe to its records (``run``), and on what.

Names are imported from the modules here: an import of this package costs nothing, so that ``avsal --help`` does not.
"""

"""What is written of some records when asked: tables in LaTeX, and the analyses of dave2019.

Import its modules by name: the analyses draw with matplotlib, which a summary of a run and LaTeX do without.
"""

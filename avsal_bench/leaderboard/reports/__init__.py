"""What is written of some records when asked: tables in LaTeX, and the analyses of dave2019."""

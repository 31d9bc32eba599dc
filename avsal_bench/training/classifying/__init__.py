"""How classifiers are trained whose features or maps other trainings start from."""

"""Films of what a network looks at and hears, as a folder keeps them: the list, its checks, and who reads it."""

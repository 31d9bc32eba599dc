"""Getting what others offer: downloads that go on where they stopped, archives opened safely, and a book of both.

Only ``avsal data get`` and ``avsal weights get`` come here. Nothing else in the package opens a connection.
"""

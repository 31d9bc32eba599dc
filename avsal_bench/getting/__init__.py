"""Getting what others offer: downloads that go on where they stopped, archives opened safely, and a book of both.

Only ``avsal data get``, ``avsal weights get`` and an address that is given for records (``--records https://...``) come
here. Nothing else in the package opens a connection.
"""

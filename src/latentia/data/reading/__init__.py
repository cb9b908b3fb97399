"""Your own data: a file, a folder or an object of another library -> what a ``Dataset`` is made of."""

"""The page: an executed notebook read, made safe and filled into our own template."""

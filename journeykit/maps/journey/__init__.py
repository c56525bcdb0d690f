"""The journey map: stages and what is known of them, as a page, a file, and compared."""

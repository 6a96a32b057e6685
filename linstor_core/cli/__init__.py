"""The `linstor` command line: LINSTOR's grammar over the typed client."""

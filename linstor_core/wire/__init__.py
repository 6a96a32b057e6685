"""Everything that crosses a socket."""

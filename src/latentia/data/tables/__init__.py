"""Tables: what a cell holds, which kind of column it stands in, frames from whatever is a table."""

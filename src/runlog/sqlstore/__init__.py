"""sqlstore."""

"""Everything that is kept in PostgreSQL, and all SQL; every other package calls functions here."""

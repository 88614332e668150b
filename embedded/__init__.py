"""The whole stack on one machine: PostgreSQL, Temporal, worker and API under one supervisor."""

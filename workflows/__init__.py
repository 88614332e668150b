"""Durable shells around the domain: timers, activities, messages, no rule of their own."""

//! Whose job is next. Pure: the store brings lanes, tenants and queues as they are, and does what is chosen.

//! Control groups: one driver trait, one implementation for each version of the kernel interface.

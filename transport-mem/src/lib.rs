//! A message server in memory, with seeded faults and a virtual clock.

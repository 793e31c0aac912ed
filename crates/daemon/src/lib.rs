//! What every daemon shares: lifecycle, configuration, logging, clock.

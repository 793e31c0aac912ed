//! Both ends against each other, and against what nobody should send.

mod commands;
mod curve;
mod held;
mod limits;
mod pair;
mod random;
mod refused;
mod splits;

//! Trust, seen from outside: what holds for whatever facts there are, and what simulated traffic comes to.

mod curves;
mod dice;
mod drawing;
mod properties;
mod traffic;

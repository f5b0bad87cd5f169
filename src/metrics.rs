//! Measuring: the clock, and in workers percentiles. A side room that every layer may use; it uses none.

pub(crate) mod clock;
mod residence;

pub use residence::Percentiles;
pub(crate) use residence::Residence;

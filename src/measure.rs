//! The clock for measurements, and sampled waiting times: a side room that any layer may write to.

pub(crate) mod clock;
mod residence;

pub use residence::Percentiles;
pub(crate) use residence::Residence;

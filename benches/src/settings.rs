//! Values of flags, checked as they are read.

use ringway::{Pin, Wait};
use std::str::FromStr;

/// `--wait`.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum WaitFlag {
    Spin,
    Yielding,
    Backoff,
    Park,
    Adaptive,
}

impl From<WaitFlag> for Wait {
    fn from(flag: WaitFlag) -> Self {
        match flag {
            WaitFlag::Spin => Wait::spin(),
            WaitFlag::Yielding => Wait::yielding(),
            WaitFlag::Backoff => Wait::backoff(),
            WaitFlag::Park => Wait::park(),
            WaitFlag::Adaptive => Wait::adaptive(),
        }
    }
}

/// `--pin`.
#[derive(Clone, Debug)]
pub(crate) struct PinFlag(pub(crate) Pin);

impl FromStr for PinFlag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse().map_err(|_| format!("'{text}' is not a number"));
        Ok(Self(match (text, text.strip_prefix("nth:")) {
            ("spread", _) => Pin::spread(),
            ("none", _) => Pin::none(),
            (_, Some(index)) => Pin::nth(number(index)?),
            (core, None) => {
                Pin::core(number(core).map_err(|_| "one of: spread, none, a core's number, nth:N".to_owned())?)
            }
        }))
    }
}

/// How the bus is built, for every subcommand that has one.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct BusFlags {
    /// Workers, each with an inbox of its own
    #[arg(long, default_value_t = 2)]
    pub(crate) workers: usize,
    /// Where workers run: spread, none, a core's number, or nth:N of the cores this process may use
    #[arg(long, default_value = "spread")]
    pub(crate) pin: PinFlag,
    /// How workers wait
    #[arg(long, value_enum, default_value_t = WaitFlag::Adaptive)]
    pub(crate) wait: WaitFlag,
    /// The most messages of a batch, 1 to 256
    #[arg(long, default_value_t = 256)]
    pub(crate) batch: usize,
    /// Messages that fit into an inbox
    #[arg(long, default_value_t = 65_536)]
    pub(crate) capacity: usize,
    /// Publishers that get a ring each at every inbox
    #[arg(long, default_value_t = 0)]
    pub(crate) lanes: usize,
}

impl BusFlags {
    pub(crate) fn builder<M: Send + 'static>(&self) -> ringway::BusBuilder<M> {
        ringway::Bus::builder()
            .workers(self.workers)
            .pin(self.pin.0.clone())
            .wait(self.wait.into())
            .batch(self.batch)
            .capacity(self.capacity)
            .lanes(self.lanes)
    }
}

/// A number of seconds above zero.
pub(crate) fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.01..=1e6).contains(&seconds) => Ok(seconds),
        _ => Err("a number of seconds from 0.01 to 1000000".to_owned()),
    }
}

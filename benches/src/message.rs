//! What the loads send: a plain message of a fixed size.

/// `WORDS` is the filling: the message has 24 bytes more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<const WORDS: usize> {
    /// When it was to be sent.
    pub(crate) due: u64,
    /// When it was.
    pub(crate) sent: u64,
    pub(crate) agent: u32,
    /// Counted by the agent, from 0.
    pub(crate) sequence: u32,
    filling: [u64; WORDS],
}

impl<const WORDS: usize> Message<WORDS> {
    pub(crate) fn new(due: u64, sent: u64, agent: u32, sequence: u32) -> Self {
        Self { due, sent, agent, sequence, filling: [due ^ u64::from(sequence); WORDS] }
    }

    /// Whether every word arrived as it was sent.
    pub(crate) fn is_intact(&self) -> bool {
        self.filling.iter().all(|&word| word == self.due ^ u64::from(self.sequence))
    }
}

/// The sizes there are, in bytes.
pub(crate) const SIZES: [usize; 3] = [32, 64, 256];

/// `--payload`.
pub(crate) fn payload(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|size| SIZES.contains(size))
        .ok_or_else(|| "one of the sizes 32, 64 and 256 (bytes)".to_owned())
}

/// Calls a function with the filling that makes a message of `$bytes`.
macro_rules! for_payload {
    ($bytes:expr, $function:ident($($argument:expr),*)) => {
        match $bytes {
            32 => $function::<1>($($argument),*),
            64 => $function::<5>($($argument),*),
            _ => $function::<29>($($argument),*),
        }
    };
}
pub(crate) use for_payload;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_what_they_are_called() {
        assert_eq!([size_of::<Message<1>>(), size_of::<Message<5>>(), size_of::<Message<29>>()], SIZES);
        assert!(payload("64").is_ok() && payload("65").is_err() && payload("x").is_err());
    }
}

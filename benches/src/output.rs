//! What is printed. Whoever reads it may leave at any time, as `head` does; that ends the printing, not the run.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

/// A line, or more, on standard output. That nobody reads any further is no error.
pub(crate) fn print(text: impl Display) -> Result<(), String> {
    print_to(io::stdout().lock(), text)
}

fn print_to(mut output: impl Write, text: impl Display) -> Result<(), String> {
    match writeln!(output, "{text}").and_then(|()| output.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(format!("cannot write to standard output: {error}")),
        _ => Ok(()),
    }
}

/// A line on standard error. Where that fails, there is nobody left to be told.
pub(crate) fn note(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails in the same way each time.
    struct Failing(ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn a_reader_may_leave_but_a_full_disk_is_told() {
        assert_eq!(print_to(Failing(ErrorKind::BrokenPipe), "text"), Ok(()));
        assert!(print_to(Failing(ErrorKind::StorageFull), "text").unwrap_err().contains("standard output"));
        let mut output = Vec::new();
        assert_eq!(print_to(&mut output, "text"), Ok(()));
        assert_eq!(output, b"text\n");
    }
}

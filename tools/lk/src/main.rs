//! The command line of the event stream.

use std::process::ExitCode;

fn main() -> ExitCode {
    lk::main()
}

//! Compiles the hostile programs and prints the folder they are in, for machines that have no compiler.

use std::io::Write;

fn main() -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{}", dayfly_tests::payloads().display())
}

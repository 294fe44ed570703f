//! Runs one program in a jail and prints what happened.
use dayfly_jobs::Bytes;
use dayfly_sandbox::{Cancel, Command, Jail, Stdio};
use std::error::Error;
use std::io::Write;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1);
    let program = args.next().ok_or("usage: run PROGRAM [ARGUMENT...]")?;
    let policy =
        dayfly_policies::Catalog::builtin().get(&std::env::var("POLICY").unwrap_or("strict".into()))?;
    let limits = policy.default_limits().clone();
    let jail = Jail::builder(policy).build()?;
    let command = Command::new(program, limits)
        .args(args)
        .stdout(Stdio::capture(Bytes::mib(1)))
        .stderr(Stdio::capture(Bytes::mib(1)));
    let outcome = jail.run(&command, &Cancel::never())?;
    std::io::stdout().write_all(&outcome.output.stdout)?;
    std::io::stderr().write_all(&outcome.output.stderr)?;
    writeln!(std::io::stdout(), "{:?} after {}", outcome.termination, outcome.usage.cpu_time)?;
    writeln!(std::io::stdout(), "{:?}\n{:?}\n{:?}", outcome.usage, outcome.timings, outcome.enforced_by)?;
    Ok(())
}

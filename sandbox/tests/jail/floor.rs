//! The yardstick of the bench: it must do what it is measured for.

use std::path::Path;

use dayfly_sandbox::floor::Floor;

use crate::{jail, limits};

#[test]
fn the_floor_runs_its_program_and_takes_no_failure_for_speed() {
    let Some(_) = jail("the_floor_runs_its_program_and_takes_no_failure_for_speed") else { return };
    let floor = |program: &str| Floor::new(Path::new(program), limits()).unwrap();
    let good = floor("/usr/bin/true");
    good.fork_exec().unwrap();
    // More than once: a group that stayed, or a process that was not waited for, would be in the way.
    for _ in 0..3 {
        good.confined().unwrap();
    }
    for (program, why) in [("/usr/bin/false", "ECANCELED"), ("/no/such/program", "ENOEXEC")] {
        for ended in [floor(program).fork_exec(), floor(program).confined()] {
            let error = ended.unwrap_err().to_string();
            assert!(error.contains(why), "{program}: {error}");
        }
    }
}

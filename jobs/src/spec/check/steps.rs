//! Steps: what each runs, and under which name.

use super::super::fault::{At, Fault};
use super::super::{Action, Step, StepInput, written};
use super::words::{Names, capped, environment, string, title};
use super::{files, limits};
use crate::Limits;

const MAX_STEPS: usize = 256;
const MAX_ARGUMENTS: usize = 1024;
/// A derived name is for a line of a listing.
const MAX_DERIVED: usize = 60;

pub(super) fn steps(written: Vec<written::Step>, job: &Limits) -> Result<Vec<Step>, Fault> {
    if written.is_empty() {
        return Err(Fault::new("there are no steps", "add at least one, such as steps: [{run: make test}]"));
    }
    capped(written.len(), MAX_STEPS, "steps")?;
    let mut names = Names::new("step");
    for (index, step) in written.iter().enumerate() {
        if let Some(name) = &step.name {
            names.add(name).at("name").at_index(index)?;
        }
    }
    let checked = written.into_iter().enumerate();
    checked.map(|(index, written)| step(written, job, &mut names).at_index(index)).collect()
}

fn step(mut written: written::Step, job: &Limits, names: &mut Names) -> Result<Step, Fault> {
    let given = written.name.take().map(title).transpose().at("name")?;
    let action = action(written.run, written.shell, written.command)?;
    if let Some(folder) = &written.workdir {
        files::folder(folder).at("workdir")?;
    }
    Ok(Step {
        name: given.map_or_else(|| free_name(&derived(&action), names), Ok)?,
        action,
        env: environment(written.env).at("env")?,
        workdir: written.workdir,
        stdin: written.stdin.map(stdin).transpose().at("stdin")?,
        limits: limits::of_step(written.limits, job).at("limits")?,
        continue_on_error: written.continue_on_error.unwrap_or(false),
        always: written.always.unwrap_or(false),
    })
}

fn action(
    run: Option<String>,
    shell: Option<super::super::Shell>,
    command: Vec<String>,
) -> Result<Action, Fault> {
    match (run, command.is_empty()) {
        (None, true) => {
            Err(Fault::new("this step runs nothing", "add run: SCRIPT or command: [PROGRAM, ARGUMENT]"))
        }
        (Some(_), false) => Err(Fault::new("this step has both 'run' and 'command'", "remove one of them")),
        (Some(script), true) if script.trim().is_empty() => {
            Err(Fault::new("the script is empty", "write what is to be run")).at("run")
        }
        (Some(script), true) if script.contains('\0') => {
            Err(Fault::new("there is a NUL character in the script", "remove it")).at("run")
        }
        (Some(script), true) => Ok(Action::Run { script, shell: shell.unwrap_or_default() }),
        (None, false) if shell.is_some() => {
            Err(Fault::new("no shell reads a 'command'", "remove shell, or write run")).at("shell")
        }
        (None, false) => arguments(command).map(Action::Command).at("command"),
    }
}

fn arguments(command: Vec<String>) -> Result<Vec<String>, Fault> {
    capped(command.len(), MAX_ARGUMENTS, "arguments")?;
    if command.first().is_some_and(String::is_empty) {
        return Err(Fault::new("the program has no name", "write what is to be run")).at_index(0);
    }
    for (index, argument) in command.iter().enumerate() {
        string(argument).at_index(index)?;
    }
    Ok(command)
}

fn stdin(written: written::Stdin) -> Result<StepInput, Fault> {
    match (written.inline, written.file) {
        (Some(text), None) => Ok(StepInput::Inline(text)),
        (None, Some(path)) => files::relative(&path).at("file").map(|()| StepInput::File(path)),
        (None, None) => Err(Fault::new("there is nothing in it", "write inline or file")),
        (Some(_), Some(_)) => Err(Fault::new("it has several contents", "write only one of inline and file")),
    }
}

/// What is run, as a name: the first line of the script that is no comment, or the command.
fn derived(action: &Action) -> String {
    let text = match action {
        Action::Run { script, .. } => {
            let line = |line: &&str| !line.is_empty() && !line.starts_with('#');
            script.lines().map(str::trim).find(line).unwrap_or("script").to_owned()
        }
        Action::Command(words) => words.join(" "),
    };
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match plain.trim() {
        "" => "step".to_owned(),
        plain => super::super::fault::shortened(plain, MAX_DERIVED),
    }
}

/// The name, with a number behind it when it is taken.
fn free_name(name: &str, names: &mut Names) -> Result<String, Fault> {
    let numbered = (2..).map(|number: usize| format!("{name} ({number})"));
    let mut candidates = std::iter::once(name.to_owned()).chain(numbered);
    let free = candidates.find(|candidate| !names.has(candidate)).unwrap_or_default();
    names.add(&free)?;
    Ok(free)
}

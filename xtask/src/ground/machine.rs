//! The virtual machine: starts QEMU, speaks with the agent inside, and ends it. A machine that hangs, panics or
//! disappears is an error that carries what its console said.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::ground::console;
use crate::ground::image::Image;
use crate::ground::port::Port;
use crate::ground::protocol::{Answer, Request};
use crate::process::Run;

const QEMU: &str = "qemu-system-x86_64";

/// Emulated, so that it runs wherever QEMU does; the processor is one whose virtualisation QEMU can emulate too.
const HARDWARE: &str = "-no-user-config -nodefaults -no-reboot -display none -accel tcg,thread=multi \
     -M q35,usb=off,vmport=off -cpu EPYC,+svm,+npt,check=off -smp 2 -m 2048 -device virtio-rng-pci";

/// An oops ends the machine at once and a panic ends QEMU: what the kernel survived is not to be trusted. Its own
/// clocks are expensive to emulate, and so are its defences against the processor.
const KERNEL_ARGUMENTS: &str = "console=ttyS0 quiet panic=-1 oops=panic cgroup_no_v1=all random.trust_cpu=on \
     tsc=reliable clocksource=tsc mitigations=off";

/// Booting takes about three seconds; a busy host may need many times that.
const BOOT_LIMIT: Duration = Duration::from_secs(90);
/// On a busy host the machine may stand still for long.
const GRACE: Duration = Duration::from_secs(30);
/// Below the folder for logs.
const CONSOLE: &str = "console.log";

/// A booted machine. Dropping it kills it.
pub(crate) struct Machine {
    qemu: Child,
    port: Port<ChildStdin>,
    console: PathBuf,
    /// What QEMU itself complains of.
    log: PathBuf,
    /// What a request may take beyond its own limit before the machine counts as hung.
    grace: Duration,
    /// From the start of QEMU to the agent's first word.
    pub(crate) boot_time: Duration,
}

impl Machine {
    /// Boots and waits for the agent. The log files are written below `folder`.
    pub(crate) fn boot(image: &Image, folder: &Path) -> Result<Self, Error> {
        let mut command = qemu(image, "");
        command
            .args(["-serial", &format!("file:{}", doubled(&folder.join(CONSOLE)))])
            .args(["-device", "virtio-serial-pci", "-chardev", "stdio,id=agent,signal=off"])
            .args(["-device", "virtserialport,chardev=agent,name=agent"]);
        let mut machine = Self::start(command, folder, GRACE)?;
        let started = Instant::now();
        if machine.port.line(started + BOOT_LIMIT).is_none() {
            return Err(machine.trouble("while it booted"));
        }
        machine.boot_time = started.elapsed();
        Ok(machine)
    }

    fn start(mut command: Command, folder: &Path, grace: Duration) -> Result<Self, Error> {
        let (console, log) = (folder.join(CONSOLE), folder.join("qemu.log"));
        File::create(&console).map_err(|source| Error::file(&console, source))?;
        let stderr = File::create(&log).map_err(|source| Error::file(&log, source))?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr);
        let mut qemu = command.spawn().map_err(|source| Error::Spawn { program: QEMU.into(), source })?;
        let (Some(to), Some(from)) = (qemu.stdin.take(), qemu.stdout.take()) else {
            return Err(Error::answer(QEMU, "no pipes"));
        };
        Ok(Self { qemu, port: Port::new(to, from), console, log, grace, boot_time: Duration::ZERO })
    }

    /// Runs one thing inside and waits for its end. Nothing else may be running.
    pub(crate) fn run(&mut self, request: &Request) -> Result<Answer, Error> {
        self.start_running(0, request, None)?;
        self.next_answer(self.deadline(request), &request.script)
    }

    /// Has something run inside, beside what is running already.
    pub(crate) fn start_running(
        &mut self,
        number: usize,
        request: &Request,
        lane: Option<usize>,
    ) -> Result<(), Error> {
        let line = request.line(number, lane)?;
        self.port.say(&line).ok_or_else(|| self.trouble(&format!("before `{}`", request.script)))
    }

    /// When something that is started now must have been answered.
    pub(crate) fn deadline(&self, request: &Request) -> Instant {
        Instant::now() + request.limit + self.grace
    }

    /// Waits for the end of whatever ends first. `doing` says what is running.
    pub(crate) fn next_answer(&mut self, deadline: Instant, doing: &str) -> Result<Answer, Error> {
        match self.hear(deadline) {
            Some(answer) => answer,
            None => Err(self.trouble(&format!("at `{doing}`"))),
        }
    }

    fn hear(&mut self, deadline: Instant) -> Option<Result<Answer, Error>> {
        let line = self.port.line(deadline)?;
        let (mut answer, bytes) = match Answer::of_line(&line) {
            Ok(parts) => parts,
            Err(error) => return Some(Err(error)),
        };
        let output = self.port.bytes(bytes, deadline)?;
        answer.output = String::from_utf8_lossy(&output).into_owned();
        Some(Ok(answer))
    }

    /// Ends the machine in good order.
    pub(crate) fn power_off(mut self) -> Result<(), Error> {
        let doing = "while it powered off";
        self.port.say("poweroff\n").ok_or_else(|| self.trouble(doing))?;
        if !self.ends_within(self.grace) || console::panic_text(&read(&self.console)).is_some() {
            return Err(self.trouble(doing));
        }
        Ok(())
    }

    /// Why the machine does not answer, from its console.
    fn trouble(&mut self, doing: &str) -> Error {
        // QEMU closes its streams a moment before it exits.
        let ended = self.ends_within(Duration::from_secs(1));
        let said = read(&self.console);
        match (console::panic_text(&said), ended) {
            (Some(text), _) => Error::machine(format!("kernel panic {doing}"), text),
            (None, false) => {
                Error::machine(format!("the machine hung {doing} and was cut"), console::tail(&said))
            }
            (None, true) => {
                let both = said + &read(&self.log);
                Error::machine(format!("the machine ended {doing}"), console::tail(&both))
            }
        }
    }

    fn ends_within(&mut self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        loop {
            if matches!(self.qemu.try_wait(), Ok(Some(_))) {
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Both fail only when it has already ended.
        self.qemu.kill().ok();
        self.qemu.wait().ok();
    }
}

/// Boots with a shell on this terminal, until the shell is left.
pub(crate) fn shell(image: &Image) -> Result<(), Error> {
    let mut run = Run::new(QEMU);
    run.command = qemu(image, &format!("ground.shell={}", terminal_size()));
    run.args(["-chardev", "stdio,id=terminal,signal=off", "-serial", "chardev:terminal"]).run()
}

/// Rows and columns of this terminal as `24x80`; a serial line cannot tell.
fn terminal_size() -> String {
    let asked = Command::new("stty").arg("size").stdin(Stdio::inherit()).output();
    let size = asked.map(|output| String::from_utf8_lossy(&output.stdout).trim().replace(' ', "x"));
    size.ok().filter(|size| !size.is_empty() && size != "0x0").unwrap_or_else(|| "24x80".to_owned())
}

fn qemu(image: &Image, more: &str) -> Command {
    let mut command = Command::new(QEMU);
    command
        .args(HARDWARE.split_whitespace())
        .args(["-kernel".as_ref(), image.kernel.as_os_str()])
        .args(["-initrd".as_ref(), image.initramfs.as_os_str()])
        .args(["-append", &format!("{KERNEL_ARGUMENTS} {more}")]);
    for disk in [&image.root, &image.workspace] {
        let drive = format!("file={},format=raw,if=virtio,snapshot=on,cache=unsafe", doubled(disk));
        command.args(["-drive", &drive]);
    }
    command
}

/// A path as QEMU's options want it.
fn doubled(path: &Path) -> String {
    path.display().to_string().replace(',', ",,")
}

fn read(log: &Path) -> String {
    std::fs::read(log).map_or_else(
        |problem| format!("({}: {problem})", log.display()),
        |bytes| String::from_utf8_lossy(&bytes).into_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ground::user::User;

    /// A stand-in for QEMU: what it does with the request it reads, as shell.
    fn machine(script: &str) -> (Machine, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.current_dir(folder.path()).args(["-c", &format!("read -r request; {script}")]);
        (Machine::start(command, folder.path(), Duration::from_millis(200)).unwrap(), folder)
    }

    fn asked(script: &str) -> Result<Answer, String> {
        let (mut machine, _folder) = machine(script);
        let limit = Duration::from_millis(100);
        let request = Request { user: User::Root, limit, script: "x".into() };
        machine.run(&request).map_err(|error| error.to_string())
    }

    #[test]
    fn an_answer_has_its_output() {
        let answer = asked("printf 'done 0 3 20 0 . 4\\na\\nb\\n'").unwrap();
        assert_eq!((answer.code, answer.output.as_str()), (3, "a\nb\n"));
    }

    #[test]
    fn a_panic_is_reported_with_its_text() {
        let error = asked("echo '[1] Kernel panic - not syncing: Oops' >console.log").unwrap_err();
        assert!(error.starts_with("kernel panic at `x`") && error.contains("syncing: Oops"), "{error}");
    }

    #[test]
    fn a_hang_is_cut_and_shows_the_console() {
        let error = asked("echo 'last words' >console.log; exec sleep 600").unwrap_err();
        assert!(error.contains("hung") && error.contains("last words"), "{error}");
    }

    #[test]
    fn an_end_shows_what_qemu_said() {
        let error = asked("echo 'no such disk' >&2").unwrap_err();
        assert!(error.contains("ended") && error.contains("no such disk"), "{error}");
    }

    #[test]
    fn powering_off_must_succeed() {
        machine("exit 0").0.power_off().unwrap();
        assert!(machine("exec sleep 600").0.power_off().unwrap_err().to_string().contains("hung"));
    }
}

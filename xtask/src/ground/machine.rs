//! The virtual machine: starts QEMU, speaks with the agent inside, and ends it. A machine that hangs, panics or
//! disappears is an error that carries what its console said.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::ground::console;
use crate::ground::image::Image;
use crate::ground::protocol::{Answer, Request};
use crate::process::Run;

const QEMU: &str = "qemu-system-x86_64";

/// Emulated, so that it runs wherever QEMU does; the processor is one whose virtualisation QEMU can emulate too.
const HARDWARE: &[&str] = &[
    "-no-user-config",
    "-nodefaults",
    "-no-reboot",
    "-display",
    "none",
    "-accel",
    "tcg,thread=multi",
    "-M",
    "q35,usb=off,vmport=off",
    "-cpu",
    "EPYC,+svm,+npt",
    "-smp",
    "2",
    "-m",
    "2048",
    "-device",
    "virtio-rng-pci",
];

/// An oops ends the machine at once and a panic ends QEMU: what the kernel survived is not to be trusted.
const KERNEL_ARGUMENTS: &str = "console=ttyS0 quiet panic=-1 oops=panic cgroup_no_v1=all random.trust_cpu=on";

/// Booting takes about three seconds; a busy host may need many times that.
const BOOT_LIMIT: Duration = Duration::from_secs(90);
/// What a request may take beyond its own limit before the machine counts as hung.
const GRACE: Duration = Duration::from_secs(30);

/// A booted machine. Dropping it kills it.
pub(crate) struct Machine {
    qemu: Child,
    port: BufReader<UnixStream>,
    console: PathBuf,
    /// From the start of QEMU to the agent's first word.
    pub(crate) boot_time: Duration,
}

impl Machine {
    /// Boots and waits for the agent. The log files are written below `folder`.
    pub(crate) fn boot(image: &Image, folder: &Path) -> Result<Self, Error> {
        let started = Instant::now();
        let sockets = tempfile::tempdir().map_err(|source| Error::file("a temporary folder", source))?;
        let socket = sockets.path().join("port");
        let listener = UnixListener::bind(&socket).map_err(|source| Error::file(&socket, source))?;
        let console = folder.join("console.log");
        let log = folder.join("qemu.log");
        let stderr = std::fs::File::create(&log).map_err(|source| Error::file(&log, source))?;
        let mut command = qemu(image, "");
        command
            .args(["-serial", &format!("file:{}", console.display())])
            .args(["-chardev", &format!("socket,id=agent,path={}", socket.display())])
            .args(["-device", "virtio-serial-pci", "-device", "virtserialport,chardev=agent,name=agent"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr);
        let mut qemu = command.spawn().map_err(|source| Error::Spawn { program: QEMU.into(), source })?;
        let port = match accept(&listener, &mut qemu) {
            Ok(port) => BufReader::new(port),
            Err(problem) => return Err(Error::machine(problem, &read(&log))),
        };
        let mut machine = Self { qemu, port, console, boot_time: Duration::ZERO };
        machine.hear(BOOT_LIMIT, "while it booted")?;
        machine.boot_time = started.elapsed();
        Ok(machine)
    }

    /// Runs one thing inside and waits for its end.
    pub(crate) fn run(&mut self, request: &Request) -> Result<Answer, Error> {
        let doing = format!("while it ran, as {}: {}", request.user.name(), request.script);
        self.say(&request.line()?, &doing)?;
        let line = self.hear(request.limit + GRACE, &doing)?;
        let (mut answer, bytes) = Answer::of_line(&line)?;
        let mut output = Vec::new();
        let got = self.port.by_ref().take(bytes).read_to_end(&mut output);
        if !got.is_ok_and(|got| u64::try_from(got) == Ok(bytes)) {
            return Err(self.trouble(&doing));
        }
        answer.output = String::from_utf8_lossy(&output).into_owned();
        Ok(answer)
    }

    /// Ends the machine in good order.
    pub(crate) fn power_off(mut self) -> Result<(), Error> {
        self.say("poweroff\n", "while it was told to power off")?;
        let deadline = Instant::now() + GRACE;
        while Instant::now() < deadline {
            if matches!(self.qemu.try_wait(), Ok(Some(_))) {
                return match console::panic_text(&read(&self.console)) {
                    None => Ok(()),
                    Some(_) => Err(self.trouble("while it powered off")),
                };
            }
            sleep(Duration::from_millis(10));
        }
        Err(self.trouble("while it powered off"))
    }

    fn say(&mut self, line: &str, doing: &str) -> Result<(), Error> {
        self.port.get_mut().write_all(line.as_bytes()).map_err(|_| self.trouble(doing))
    }

    fn hear(&mut self, limit: Duration, doing: &str) -> Result<String, Error> {
        let mut line = String::new();
        let heard =
            self.port.get_mut().set_read_timeout(Some(limit)).and_then(|()| self.port.read_line(&mut line));
        match heard {
            Ok(_) if line.ends_with('\n') => Ok(line),
            Ok(_) | Err(_) => Err(self.trouble(doing)),
        }
    }

    /// Why the machine does not answer, from its console.
    fn trouble(&mut self, doing: &str) -> Error {
        let ended = self.ends_soon();
        let console = read(&self.console);
        match (console::panic_text(&console), ended) {
            (Some(text), _) => Error::machine(format!("kernel panic {doing}"), text),
            (None, true) => Error::machine(format!("the machine ended {doing}"), console::tail(&console)),
            (None, false) => {
                Error::machine(format!("the machine hung and was cut {doing}"), console::tail(&console))
            }
        }
    }

    /// QEMU closes its socket a moment before it exits.
    fn ends_soon(&mut self) -> bool {
        (0..100).any(|_| {
            sleep(Duration::from_millis(10));
            matches!(self.qemu.try_wait(), Ok(Some(_)))
        })
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Both fail only when it has already ended.
        drop(self.qemu.kill());
        drop(self.qemu.wait());
    }
}

/// Boots with a shell on this terminal, until the shell is left.
pub(crate) fn shell(image: &Image) -> Result<(), Error> {
    let mut run = Run::new(QEMU);
    run.command = qemu(image, "ground.shell");
    run.args(["-chardev", "stdio,id=terminal,signal=off", "-serial", "chardev:terminal"]).run()
}

fn qemu(image: &Image, more: &str) -> Command {
    let mut command = Command::new(QEMU);
    command
        .args(HARDWARE)
        .args(["-kernel".as_ref(), image.kernel.as_os_str()])
        .args(["-initrd".as_ref(), image.initramfs.as_os_str()])
        .args(["-append", &format!("{KERNEL_ARGUMENTS} {more}")]);
    for disk in [&image.root, &image.workspace] {
        let drive = format!("file={},format=raw,if=virtio,snapshot=on,cache=unsafe", doubled(disk));
        command.args(["-drive", &drive]);
    }
    command
}

/// Waits for QEMU to open its end of the agent's port, which it does at once or never.
fn accept(listener: &UnixListener, qemu: &mut Child) -> Result<UnixStream, String> {
    listener.set_nonblocking(true).map_err(|problem| problem.to_string())?;
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false).map_err(|problem| problem.to_string())?;
                return Ok(stream);
            }
            Err(problem) if problem.kind() == ErrorKind::WouldBlock => {}
            Err(problem) => return Err(problem.to_string()),
        }
        if let Ok(Some(status)) = qemu.try_wait() {
            return Err(format!("QEMU ended at once ({status})"));
        }
        sleep(Duration::from_millis(5));
    }
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

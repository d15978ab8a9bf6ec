//! What user code prints while a live view stands on the terminal: it is read from pipes and shown above the
//! view.
//!
//! What is said last, before the process exits, aborts or is ended by its stack, is still in a pipe when the
//! process is gone. Another small process holds the pipes' other ends and shows what is left in them then;
//! and a line stays in its pipe until it is shown.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, PipeReader, PipeWriter, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use console::Term;
use rustix::stdio::{dup2_stderr, dup2_stdout};

/// Standard output and standard error lead into pipes while this lives, where they are terminals.
pub(super) struct Capture {
    stdout: Option<File>,
    stderr: File,
    /// Ends when both pipes have.
    ended: Receiver<()>,
    heirs: Vec<Heir>,
}

/// A process that waits for the end of this one, and then shows what is left in a pipe.
struct Heir {
    process: Child,
    /// Closed by the end of this process.
    _life: PipeWriter,
}

/// The pipe is standard input, the terminal is standard output, and standard error, as nothing else is there,
/// is read for the end of the process that holds its other end.
const INHERIT: &str = "read -r word <&2
while IFS= read -r line || [ -n \"$line\" ]; do printf \"$sep%s\\n\" \"$line\"; sep=; done";

impl Heir {
    fn new(pipe: &PipeReader, terminal: &File) -> io::Result<Heir> {
        let (end, life) = io::pipe()?;
        let mut command = Command::new("/bin/sh");
        command.args(["-c", INHERIT]).env("sep", "\\n").stdin(pipe.try_clone()?);
        // Ctrl-C is meant for others
        command.stdout(terminal.try_clone()?).stderr(end).process_group(0);
        Ok(Heir { process: command.spawn()?, _life: life })
    }
}

impl Drop for Heir {
    fn drop(&mut self) {
        // nothing is left to it
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The terminal behind standard error, as it stays reachable during a capture.
pub(super) fn terminal() -> std::io::Result<Term> {
    let file = || -> std::io::Result<File> { Ok(File::from(rustix::io::dup(std::io::stderr())?)) };
    Ok(Term::read_write_pair(file()?, file()?))
}

impl Capture {
    /// Gives each line that is printed from now on to `show`.
    pub(super) fn new(show: impl Fn(&str) + Send + Sync + 'static) -> std::io::Result<Capture> {
        let show = Arc::new(show);
        let (end, ended) = channel();
        let stderr = File::from(rustix::io::dup(std::io::stderr())?);
        let mut capture = Capture { stdout: None, stderr, ended, heirs: Vec::new() };
        let terminal = capture.stderr.try_clone()?;
        let mut heirs = Vec::new();
        // a pipe each: the pieces of a line that is written without a buffer stay together
        let mut pipe = || -> std::io::Result<PipeWriter> {
            let (reader, writer) = std::io::pipe()?;
            // without it, last words are lost
            heirs.extend(Heir::new(&reader, &terminal).ok());
            let (show, end) = (show.clone(), end.clone());
            let name = "hobbit-prints".to_owned();
            std::thread::Builder::new().name(name).spawn(move || show_lines(reader, &*show, end))?;
            Ok(writer)
        };
        if std::io::stdout().is_terminal() {
            let stdout = File::from(rustix::io::dup(std::io::stdout())?);
            std::io::stdout().flush()?;
            dup2_stdout(pipe()?)?;
            capture.stdout = Some(stdout);
        }
        dup2_stderr(pipe()?)?;
        capture.heirs = heirs;
        Ok(capture)
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        // a line without its end is in the buffer still
        let _ = std::io::stdout().flush();
        if let Some(stdout) = &self.stdout {
            let _ = dup2_stdout(stdout);
        }
        let _ = dup2_stderr(&self.stderr);
        // the pipes end here, unless a child process holds them too: nothing is ever sent
        let _ = self.ended.recv_timeout(Duration::from_secs(1));
        self.heirs.clear();
    }
}

/// Shows what comes, line by line, until the pipe ends; then `_end` goes.
fn show_lines(pipe: PipeReader, show: &(dyn Fn(&str) + Sync), _end: Sender<()>) {
    #[cfg(target_os = "linux")]
    let Some((pipe, mut line)) = show_before_taking(pipe, show) else { return };
    #[cfg(not(target_os = "linux"))]
    let mut line = Vec::new();
    let mut pipe = BufReader::new(pipe);
    while pipe.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        show_line(&line, show);
        line.clear();
    }
}

fn show_line(line: &[u8], show: &(dyn Fn(&str) + Sync)) {
    show(String::from_utf8_lossy(line).trim_end_matches(['\r', '\n']));
}

/// Shows lines and only then takes them from the pipe. Returns the pipe where that is not possible, with the
/// beginning of a line that was taken from it; `None` when it has ended.
#[cfg(target_os = "linux")]
fn show_before_taking(mut pipe: PipeReader, show: &(dyn Fn(&str) + Sync)) -> Option<(PipeReader, Vec<u8>)> {
    use std::io::Read;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::pipe::{SpliceFlags, tee};

    /// How long the rest of a line is waited for between two looks, and how often it is.
    const LOOK: Duration = Duration::from_millis(10);
    const LOOKS: u32 = 200;
    let (Ok((mut copies, copy)), mut begun, mut looks) = (io::pipe(), Vec::new(), 0) else {
        return Some((pipe, Vec::new()));
    };
    let mut bytes = vec![0; 1 << 16];
    loop {
        let copied = match tee(&pipe, &copy, bytes.len(), SpliceFlags::empty()) {
            Ok(0) => break,
            Ok(copied) => copied,
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => return Some((pipe, begun)),
        };
        copies.read_exact(&mut bytes[..copied]).ok()?;
        let mut whole = bytes[..copied].iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        if whole == 0 {
            // the beginning of a line; it is left where it is, unless there is no more room or it stays that
            // for long
            let mut ends = [PollFd::new(&pipe, PollFlags::IN)];
            let at_end = poll(&mut ends, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok()
                && ends[0].revents().contains(PollFlags::HUP);
            looks += 1;
            if !at_end && looks < LOOKS && copied < bytes.len() / 2 {
                std::thread::sleep(LOOK);
                continue;
            }
            begun.extend_from_slice(&bytes[..copied]);
            whole = copied;
        } else {
            for line in bytes[..whole].split_inclusive(|&byte| byte == b'\n') {
                begun.extend_from_slice(line);
                show_line(&begun, show);
                begun.clear();
            }
        }
        looks = 0;
        pipe.read_exact(&mut bytes[..whole]).ok()?;
    }
    if !begun.is_empty() {
        show_line(&begun, show);
    }
    None
}

//! What user code prints while a live view stands on the terminal: it is read from a pipe and shown above the view.

use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, PipeWriter, Read, Write};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use console::Term;
use rustix::stdio::{dup2_stderr, dup2_stdout};

/// Both outputs lead into a pipe while this lives, where they are terminals.
pub(super) struct Capture {
    stdout: Option<File>,
    stderr: File,
    ended: Receiver<()>,
}

/// The terminal behind standard error, as it stays reachable during a capture.
pub(super) fn terminal() -> std::io::Result<Term> {
    let file = || -> std::io::Result<File> { Ok(File::from(rustix::io::dup(std::io::stderr())?)) };
    Ok(Term::read_write_pair(file()?, file()?))
}

impl Capture {
    /// Gives each line that is printed from now on to `show`.
    pub(super) fn new(show: impl Fn(&str) + Send + 'static) -> std::io::Result<Capture> {
        let (reader, writer) = std::io::pipe()?;
        let stderr = File::from(rustix::io::dup(std::io::stderr())?);
        let stdout = match std::io::stdout().is_terminal() {
            true => Some(File::from(rustix::io::dup(std::io::stdout())?)),
            false => None,
        };
        let (end, ended) = channel();
        std::thread::Builder::new().name("hobbit-prints".to_owned()).spawn(move || {
            read_lines(reader, show);
            // whoever waited may have given up
            let _ = end.send(());
        })?;
        let capture = Capture { stdout, stderr, ended };
        capture.redirect(&writer)?;
        Ok(capture)
    }

    fn redirect(&self, writer: &PipeWriter) -> std::io::Result<()> {
        if self.stdout.is_some() {
            std::io::stdout().flush()?;
            dup2_stdout(writer)?;
        }
        Ok(dup2_stderr(writer)?)
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
        // the pipe ends here, unless a child process holds it too
        let _ = self.ended.recv_timeout(Duration::from_secs(1));
    }
}

/// Shows what comes, line by line, until the pipe ends.
fn read_lines(pipe: impl Read, show: impl Fn(&str)) {
    let mut pipe = BufReader::new(pipe);
    let mut line = Vec::new();
    while pipe.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        show(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']));
        line.clear();
    }
}

//! What user code prints while a live view stands on the terminal: it is read from pipes and shown above the view.

use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, PipeReader, PipeWriter, Write};
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
        let mut capture = Capture { stdout: None, stderr, ended };
        // a pipe each: the pieces of a line that is written without a buffer stay together
        let pipe = || -> std::io::Result<PipeWriter> {
            let (reader, writer) = std::io::pipe()?;
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
    }
}

/// Shows what comes, line by line, until the pipe ends; then `_end` goes.
fn show_lines(pipe: PipeReader, show: &(dyn Fn(&str) + Sync), _end: Sender<()>) {
    let mut pipe = BufReader::new(pipe);
    let mut line = Vec::new();
    while pipe.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        show(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']));
        line.clear();
    }
}
